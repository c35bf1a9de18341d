"""What a score may depend on, and what it may not."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812  # as everybody calls it

from genpas_cli.training.models.sasrec import ModelShape, SASRec
from genpas_cli.training.runs.loop import _parameter_groups


def model(**changed: int) -> SASRec:
    torch.manual_seed(0)
    shape = {"items": 30, "max_input": 9, "dim": 16, "layers": 2, "heads": 2} | changed
    return SASRec(ModelShape(**shape, dropout=0.5)).eval()


def states(of: SASRec, *inputs: list[int], width: int = 9, fill: int = 0) -> torch.Tensor:
    rows = [each + [fill] * (width - len(each)) for each in inputs]
    with torch.inference_mode():
        found: torch.Tensor = of(torch.tensor(rows), torch.tensor([len(each) for each in inputs]))
    return found


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_what_stands_right_of_the_newest_item_changes_nothing(layers: int) -> None:
    of, inputs = model(layers=layers), ([3, 4, 5], [7], [1, 2, 3, 4, 5, 6, 7, 8, 9])
    expected = torch.cat([states(of, each, width=len(each)) for each in inputs])
    assert torch.allclose(states(of, *inputs), expected, atol=1e-5)
    assert torch.allclose(states(of, *inputs, fill=11), expected, atol=1e-5)


def test_order_and_every_item_count() -> None:
    of = model()
    whole = states(of, [3, 4, 5])
    for other in ([4, 3, 5], [3, 4, 6], [9, 4, 5], [4, 5]):
        assert not torch.allclose(states(of, other), whole, atol=1e-3)


def test_positions_are_counted_from_the_newest() -> None:
    of = model(layers=1)
    with torch.no_grad():
        of.position.weight[2:] = 1e3  # where neither input has an item
    assert torch.isfinite(states(of, [3, 4])).all()
    assert torch.allclose(states(of, [3, 4]), states(model(layers=1), [3, 4]))


def test_scores_are_of_the_items_by_their_numbers() -> None:
    of = model()
    state = of.item.weight[[4, 17]].detach() * 100
    assert of.scores(state).shape == (2, 30)
    assert (of.scores(state).argmax(1) + 1).tolist() == [4, 17]


def test_loss_is_the_cross_entropy_over_all_items() -> None:
    of = model()
    inputs, lengths, targets = torch.tensor([[3, 4], [5, 0]]), torch.tensor([2, 1]), torch.tensor([9, 30])
    scores = of.scores(of(inputs, lengths))
    expected = (torch.logsumexp(scores, 1) - scores[[0, 1], [8, 29]]).mean()
    loss = of.loss({"input_items": inputs, "input_length": lengths, "target_item": targets}).item()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert loss == pytest.approx(F.cross_entropy(scores, targets - 1).item())


def test_padding_is_never_learned() -> None:
    of = model().train()
    batch = {"input_items": [[3, 4], [5, 0]], "input_length": [2, 1], "target_item": [9, 30]}
    pairs = {name: torch.tensor(values) for name, values in batch.items()}
    optimizer = torch.optim.AdamW(of.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        of.loss(pairs).backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    assert (of.item.weight[0] == 0).all()


def test_matrices_decay_and_embeddings_norms_and_biases_do_not() -> None:
    of = model()
    matrices, others = _parameter_groups(of, 0.1)
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    linear = [module.weight for module in of.modules() if isinstance(module, torch.nn.Linear)]
    assert {id(each) for each in matrices["params"]} == {id(each) for each in linear}
    assert len(matrices["params"]) + len(others["params"]) == len(list(of.parameters()))
