"""Decoding against scoring every item, ranks of items that share codes or have none, and what a loss may depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genpas_cli.training.evaluation.ranking import METRICS, TargetRanks, metrics_by_pair
from genpas_cli.training.models.code_trie import CodeTrie
from genpas_cli.training.models.tiger import Tiger, TigerShape, _blocks
from tests.training.evaluation.test_ranking import metric_of

NONE = -1


def model(codes: NDArray[np.int64], *, beam: int = 10, scale: float = 15, **changed: Any) -> Tiger:
    """Return a model in double precision; `scale` multiplies its weights, so that likelihoods differ clearly."""
    torch.manual_seed(0)
    sizes = tuple((codes.max(axis=0) + 1).tolist())
    shape: dict[str, Any] = {
        "items": len(codes) - 1, "max_input": 6, "codes": sizes, "dim": 16, "layers": 2, "heads": 2, "head_dim": 8,
        "feed_dim": 32, "user_tokens": 0, "dropout": 0.5, "beam": beam,
    }  # fmt: skip
    made = Tiger(TigerShape(**shape | changed), codes).eval().double()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    return made


def codes_of(*rows: tuple[int, ...]) -> NDArray[np.int64]:
    """Return codes by item number; number 0 has none."""
    return np.array([(NONE,) * len(rows[0]), *rows])


def some_codes(items: int, levels: int, size: int, *, seed: int = 0, without: int = 0) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, size, (items + 1, levels))
    codes[0] = NONE
    codes[rng.choice(np.arange(2, items + 1), without, replace=False)] = NONE
    return codes


def pairs(inputs: list[list[int]], targets: list[int], users: list[int] | None = None) -> dict[str, torch.Tensor]:
    width = max(map(len, inputs))
    return {
        "input_items": torch.tensor([each + [0] * (width - len(each)) for each in inputs], dtype=torch.int32),
        "input_length": torch.tensor([len(each) for each in inputs], dtype=torch.int32),
        "target_item": torch.tensor(targets, dtype=torch.int32),
        "user_num": torch.tensor(users or [1] * len(targets), dtype=torch.int32),
    }


def likelihoods(of: Tiger, inputs: list[int]) -> torch.Tensor:
    """Return the log-likelihood of the codes of every item, one pair per item; -inf for items without codes."""
    items = list(range(1, of.items + 1))
    with torch.inference_mode():
        found = of.log_likelihood(pairs([inputs] * len(items), items))
    return torch.where(of.codes[1:, 0] == NONE, -torch.inf, found)


# ------------------------------------------------------------------------------------------------------------ the trie


@given(
    rows=st.integers(1, 4).flatmap(
        lambda levels: st.lists(st.tuples(*[st.integers(0, 3)] * levels), min_size=1, max_size=40)
    )
)
def test_the_children_of_a_node_are_the_codes_that_follow(rows: list[tuple[int, ...]]) -> None:
    trie = CodeTrie(codes_of(*rows))
    prefixes: list[tuple[int, ...]] = [()]
    for depth in range(1, trie.levels + 1):
        parent, child, code = trie.below(depth, torch.arange(len(prefixes)))
        found = [(*prefixes[up], each) for up, each in zip(parent.tolist(), code.tolist(), strict=True)]
        assert found == sorted({row[:depth] for row in rows})
        assert child.tolist() == list(range(len(found)))
        assert trie.nodes(depth) == len(found)
        prefixes = found
    assert [prefixes[leaf] for leaf in trie.leaf[1:].tolist()] == rows
    assert trie.items.tolist() == [rows.count(each) for each in prefixes]


def test_children_of_chosen_nodes_in_any_order() -> None:
    trie = CodeTrie(codes_of((0, 5), (1, 2), (1, 3), (4, 0)))
    parent, child, code = trie.below(2, torch.tensor([2, 1, 2]))
    assert (parent.tolist(), child.tolist(), code.tolist()) == ([0, 1, 1, 2], [3, 1, 2, 3], [0, 2, 3, 0])


# ------------------------------------------------------------------------------------------------------------ decoding


@pytest.mark.parametrize(("levels", "size"), [(1, 40), (2, 7), (3, 4), (4, 3)])
@pytest.mark.parametrize("without", [0, 9])
def test_a_beam_as_wide_as_the_catalogue_ranks_as_scoring_every_item(levels: int, size: int, without: int) -> None:
    of = model(some_codes(40, levels, size, without=without), beam=40)
    inputs = [[3, 4, 5], [7], [1, 2, 3, 4, 5, 6]]
    for target in range(1, 41):
        batch = pairs(inputs, [target] * 3)
        with torch.inference_mode():
            ranks = of.ranks(batch, filter_seen=False)
        for row, each in enumerate(inputs):
            scores = likelihoods(of, each)
            own = scores[target - 1]
            if not own.isfinite():
                assert [each[row].item() for each in ranks] == [40, 1, True]
                continue
            same = (of.codes[1:] == of.codes[target]).all(1)
            assert ranks.above[row] == ((scores > own) & ~same).sum()
            assert ranks.equal[row] == same.sum()
            assert not ranks.missed[row]


def test_metrics_are_those_of_sorting_all_items() -> None:
    of = model(np.concatenate(([[NONE] * 2], np.argwhere(np.ones((6, 8))))), beam=48)
    batch = pairs([[3, 4, 5]] * 48, list(range(1, 49)))
    with torch.inference_mode():
        above, equal, missed = of.ranks(batch, filter_seen=False)
    assert not missed.any()
    order = likelihoods(of, [3, 4, 5]).argsort(descending=True).tolist()
    found = metrics_by_pair(TargetRanks(above.numpy(), equal.numpy()), 48)
    for name in METRICS:
        assert found[name] == pytest.approx([metric_of(name, order.index(item) + 1) for item in range(48)])


def test_a_narrow_beam_finds_the_best_of_what_it_keeps() -> None:
    """By hand: at each level, the best continuations of what was kept."""
    of = model(some_codes(60, 3, 5, seed=3), beam=4)
    batch = pairs([[3, 4, 5], [9]], [1, 1])
    with torch.inference_mode():
        found = of.beams(batch)
    sequences = np.unique(of.codes[1:].numpy(), axis=0)
    for row, inputs in enumerate([[3, 4, 5], [9]]):
        kept: list[tuple[int, ...]] = [()]
        for depth in range(1, 4):
            longer = sorted({tuple(each[:depth].tolist()) for each in sequences if tuple(each[: depth - 1]) in kept})
            kept = sorted(longer, key=lambda each: -_beginning(of, inputs, each))[:4]
        assert [tuple(sequences[leaf].tolist()) for leaf in found.leaves[row].tolist()] == kept
        expected = [_beginning(of, inputs, each) for each in kept]
        assert found.scores[row].tolist() == pytest.approx(expected, rel=1e-9)


def _beginning(of: Tiger, inputs: list[int], codes: tuple[int, ...]) -> float:
    """Return the log-likelihood of the first codes of an item, from the likelihood of each level alone."""
    total, batch = 0.0, pairs([inputs], [1])
    with torch.inference_mode():
        encoded, mask = of._encoded(batch)
        tokens = [of.start.weight, *(of.code.weight[None, of.offset[n] + code] for n, code in enumerate(codes[:-1]))]
        states = torch.stack(tokens, 1)
        for block in _blocks(of):
            states = block(states, block.across.keys_values(encoded), mask)
        for level, code in enumerate(codes):
            total += of._log_probabilities(of.decoder_norm(states)[:, level], level)[0, code].item()
    return total


def test_fewer_sequences_than_the_beam_leave_no_empty_places() -> None:
    of = model(codes_of((0, 0), (0, 1), (1, 0)), beam=10)
    with torch.inference_mode():
        found = of.beams(pairs([[1, 2]], [3]))
        assert sorted(found.leaves[0].tolist()) == [0, 1, 2]
        assert found.scores.isfinite().all()
        assert sorted(of.top_items(pairs([[1, 2]], [3]), 5)[0]) == [1, 2, 3]


def test_the_top_items_are_the_best_by_likelihood() -> None:
    of = model(some_codes(40, 3, 4, without=5), beam=40)
    with torch.inference_mode():
        first, second = of.top_items(pairs([[3, 4, 5], [9]], [1, 1]), 12)
    for inputs, found in (([3, 4, 5], first), ([9], second)):
        scores = likelihoods(of, inputs)
        assert len(set(found)) == 12
        assert scores[torch.tensor(found) - 1].tolist() == pytest.approx(scores.topk(12).values.tolist(), rel=1e-9)


def test_inputs_decoded_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    of, batch = model(some_codes(40, 3, 4), beam=10), pairs([[3, 4, 5], [9], [1, 2]], [1, 2, 3])
    with torch.inference_mode():
        whole = of.beams(batch)
        monkeypatch.setattr("genpas_cli.training.models.tiger._CELLS", 50)
        parts = of.beams(batch)
    assert torch.equal(whole.leaves, parts.leaves)
    assert whole.scores.numpy() == pytest.approx(parts.scores.numpy(), rel=1e-9)


def test_inputs_that_are_too_long_are_refused() -> None:
    of = model(some_codes(10, 2, 4))
    with pytest.raises(ValueError, match="inputs have up to 7 items; this model reads at most 6"):
        of.top_items(pairs([[1, 2, 3, 4, 5, 6, 7]], [1]), 3)


# ------------------------------------------------------------------------------------ equal codes, seen items, no codes


def test_items_that_share_codes_share_their_places() -> None:
    of = model(codes_of((0, 0), (0, 0), (0, 0), (1, 1)), beam=10)
    with torch.inference_mode():
        ranks = of.ranks(pairs([[4]] * 4, [1, 2, 3, 4]), filter_seen=False)
    assert ranks.equal.tolist() == [3, 3, 3, 1]
    assert min(ranks.above.tolist()) == 0
    assert ranks.above[0] + ranks.above[3] in (1, 3)
    assert of.ranking({"test": np.array([], np.int32)})["items_sharing_codes"] == 3


@settings(deadline=None)
@given(data=st.data())
def test_seen_items_are_as_if_they_were_not_there(data: st.DataObject) -> None:
    of = model(some_codes(20, 2, 4, seed=1, without=3), beam=20)
    inputs = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    target = data.draw(st.integers(1, 20).filter(lambda item: bool(of.codes[item, 0] != NONE)))
    with torch.inference_mode():
        ranks = of.ranks(pairs([inputs], [target]), filter_seen=True)
    scores = likelihoods(of, inputs)
    left = [item for item in range(1, 21) if item == target or item not in inputs]
    same = [item for item in left if bool((of.codes[item] == of.codes[target]).all())]
    better = [item for item in left if scores[item - 1] > scores[target - 1] and item not in same]
    assert (ranks.above.item(), ranks.equal.item()) == (len(better), len(same))


def test_items_without_codes_are_missed_and_change_nothing_as_inputs() -> None:
    of = model(codes_of((0, 0), (NONE, NONE), (1, 1)), beam=10)
    with torch.inference_mode():
        ranks = of.ranks(pairs([[1, 3]], [2]), filter_seen=False)
        assert (ranks.above.item(), ranks.equal.item(), ranks.missed.item()) == (3, 1, True)
        _, mask = of._encoded(pairs([[2]], [1]))
        assert mask.flatten().tolist() == [True, False, False]
        assert of.log_likelihood(pairs([[2]], [1])).isfinite().all()
    told = of.ranking({"test": np.array([2, 3, 2])})
    assert (told["items_without_codes"], told["missed"], told["targets_without_codes"]) == (1, {"test": 3}, {"test": 2})


def test_pairs_whose_target_has_no_codes_are_not_learned_from() -> None:
    of = model(codes_of((0, 0), (NONE, NONE), (1, 1)))
    alone = of.loss(pairs([[1, 3]], [3]))
    assert of.loss(pairs([[1, 3], [1]], [3, 2])).item() == pytest.approx(alone.item())
    nothing = of.loss(pairs([[1]], [2]))
    assert nothing.item() == 0
    nothing.backward()  # type: ignore[no-untyped-call]  # torch
    assert all(each.grad is None or bool((each.grad == 0).all()) for each in of.parameters())


# ---------------------------------------------------------------------------------------------------------- the network


def test_the_likelihoods_of_all_sequences_sum_to_one() -> None:
    of = model(np.concatenate(([[NONE] * 3], np.argwhere(np.ones((3, 4, 2))))))
    assert likelihoods(of, [3, 4]).exp().sum().item() == pytest.approx(1)


def test_padding_changes_nothing() -> None:
    of = model(some_codes(30, 3, 4))
    with torch.inference_mode():
        alone = of.log_likelihood(pairs([[3, 4]], [7]))
        together = of.log_likelihood(pairs([[3, 4], [1, 2, 3, 4, 5, 6]], [7, 9]))
    assert together[0].item() == pytest.approx(alone.item(), rel=1e-9)


def test_order_items_and_users_count() -> None:
    of = model(some_codes(30, 3, 9), user_tokens=4)
    with torch.inference_mode():
        first = of.log_likelihood(pairs([[3, 4, 5]], [7], [1])).item()
        for inputs in ([4, 3, 5], [3, 4, 6], [9, 4, 5], [4, 5]):
            assert of.log_likelihood(pairs([inputs], [7], [1])).item() != pytest.approx(first, rel=1e-6)
        assert of.log_likelihood(pairs([[3, 4, 5]], [7], [2])).item() != pytest.approx(first, rel=1e-6)
        assert of.log_likelihood(pairs([[3, 4, 5]], [7], [5])).item() == pytest.approx(first)


def test_without_user_tokens_users_do_not_count() -> None:
    of = model(some_codes(30, 3, 9))
    with torch.inference_mode():
        found = of.log_likelihood(pairs([[3, 4, 5]] * 2, [7, 7], [1, 2]))
    assert found[0].item() == pytest.approx(found[1].item(), rel=1e-12)


def test_positions_are_counted_from_the_newest() -> None:
    of = model(some_codes(30, 3, 9))
    with torch.no_grad():
        of.age.weight[2:] = 1e3  # where the input has no item
    with torch.inference_mode():
        changed = of.log_likelihood(pairs([[3, 4]], [7])).item()
        assert changed == pytest.approx(model(some_codes(30, 3, 9)).log_likelihood(pairs([[3, 4]], [7])).item())


def test_it_learns_two_hundred_pairs_by_heart() -> None:
    rng = np.random.default_rng(2)
    codes = np.concatenate(([[NONE] * 3], rng.permutation(np.argwhere(np.ones((6, 6, 6))))))
    of = model(codes, scale=1, dim=32, heads=2, head_dim=16, feed_dim=64, dropout=0.0).float().train()
    inputs = [rng.choice(np.arange(1, 217), rng.integers(2, 7), replace=False).tolist() for _ in range(200)]
    batch = pairs(inputs, rng.integers(1, 217, 200).tolist())
    optimizer = torch.optim.AdamW(of.parameters(), lr=0.003)
    for _ in range(300):
        optimizer.zero_grad()
        loss = of.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    assert loss.item() < 0.05
    with torch.inference_mode():
        ranks = of.eval().ranks(batch, filter_seen=False)
    assert (ranks.above == 0).all()
    assert (ranks.equal == 1).all()


def test_a_restored_model_is_the_same() -> None:
    of = model(some_codes(30, 3, 9, without=4), user_tokens=3)
    again = Tiger.restored(of.size(), of.state_dict()).eval().double()
    batch = pairs([[3, 4, 5], [9]], [7, 8])
    with torch.inference_mode():
        for one, other in zip(of.ranks(batch, filter_seen=True), again.ranks(batch, filter_seen=True), strict=True):
            assert torch.equal(one, other)
        assert of.log_likelihood(batch).tolist() == pytest.approx(again.log_likelihood(batch).tolist(), rel=1e-6)
    assert math.isfinite(of.loss(batch).item())
