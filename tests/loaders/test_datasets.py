"""Every pair exactly once an epoch, whoever shares it; one order for one seed; the same rest after a resume."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from genpas_cli import UsageError
from genpas_cli.loaders import InMemoryPairDataset
from genpas_cli.loaders.division import Batching, Reader, taken_in_turn
from tests.loaders.reading import Row, dataset_of, loaded, pairs_of, rows_of
from tests.support import shards

# Four workers on a machine of two cores are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


# ------------------------------------------------------------------------------------------------------- exactly once


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
@pytest.mark.parametrize("bucket", [False, True], ids=["", "bucketed"])
def test_every_pair_is_read_exactly_once(directory: Path, workers: int, ranks: int, bucket: bool) -> None:  # noqa: FBT001
    found = [
        pair
        for rank in range(ranks)
        for pair in pairs_of(loaded(dataset_of(directory, rank, ranks, bucket_by_length=bucket), workers))
    ]
    assert Counter(found) == Counter(rows_of(shards(directory)))


@given(rows=st.integers(0, 200), readers=st.integers(1, 12), size=st.integers(1, 30), drop=st.booleans())
def test_parts_cover_all_rows_once_and_are_alike(rows: int, readers: int, size: int, drop: bool) -> None:  # noqa: FBT001
    parts = [Batching(size, size, drop, even=False).part(rows, Reader(n, readers)) for n in range(readers)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    even = [Batching(size, size, drop, even=True).part(rows, Reader(n, readers)) for n in range(readers)]
    assert len({len(part) for part in even}) == 1
    assert {row for part in even for row in part} >= set(range(rows))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_pairs(directory: Path, split: str) -> None:
    found = pairs_of(dataset_of(directory, split=split, shuffle=False))
    assert found == rows_of(shards(directory, split))


def test_even_ranks_have_as_many_batches(directory: Path) -> None:
    counts = [len(list(loaded(dataset_of(directory, rank, 3, even=True), 2))) for rank in range(3)]
    assert len(set(counts)) == 1
    assert counts == [dataset_of(directory, rank, 3, even=True).batches(2) for rank in range(3)]


def test_batches_that_are_not_full_can_be_left_out(directory: Path) -> None:
    for batch in loaded(dataset_of(directory, drop_last=True), 2):
        assert len(batch["user_num"]) == 32


# ------------------------------------------------------------------------------------------------------------- order


def test_the_order_follows_from_seed_and_epoch(directory: Path) -> None:
    def order(**options: Any) -> list[Row]:
        return pairs_of(dataset_of(directory, **options))

    first = order(seed=3, epoch=1)
    assert order(seed=3, epoch=1) == first
    for other in ({"seed": 4, "epoch": 1}, {"seed": 3, "epoch": 2}, {"seed": 1, "epoch": 3}):
        assert order(**other) != first
    dataset = dataset_of(directory, seed=3)
    dataset.set_epoch(1)
    assert pairs_of(dataset) == first


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_hear_of_the_epoch(directory: Path, workers: int) -> None:
    dataset = dataset_of(directory)
    loader = loaded(dataset, workers, persistent_workers=True)
    orders = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        orders.append(pairs_of(loader))
    assert orders[0] == orders[2] != orders[1]


def test_without_shuffling_it_is_the_order_of_the_shards(directory: Path) -> None:
    assert pairs_of(dataset_of(directory, shuffle=False)) == rows_of(shards(directory))


def test_shuffling_reaches_across_shards(directory: Path) -> None:
    """Of a window of two shards, a batch has pairs of both."""
    of_shard = {
        pair: number
        for number, path in enumerate(sorted((directory / "data").glob("train-*")))
        for pair in rows_of(pq.read_table(path))
    }
    first = pairs_of([next(iter(dataset_of(directory)))])
    assert len({of_shard[pair] for pair in first}) > 1


def test_buckets_leave_less_to_pad(directory: Path) -> None:
    def padding(**options: Any) -> float:
        widths = [
            (batch["input_items"].numel(), int(batch["input_length"].sum()))
            for batch in dataset_of(directory, **options)
        ]
        return 1 - sum(used for _, used in widths) / sum(size for size, _ in widths)

    assert padding(bucket_by_length=True) < 0.5 * padding()


# ------------------------------------------------------------------------------------------------------------- resume


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
@pytest.mark.parametrize("taken", [0, 1, 7, 20, 38])
@pytest.mark.parametrize("rank", [0, 2])
def test_a_resumed_epoch_has_the_same_rest(directory: Path, workers: int, taken: int, rank: int) -> None:
    ranks = 1 if rank == 0 else 3
    whole = dataset_of(directory, rank, ranks, epoch=5)
    batches = list(loaded(whole, workers))
    taken = min(taken, len(batches))
    state = pickle.loads(pickle.dumps(whole.state_dict(taken, workers=workers)))  # noqa: S301  # just pickled
    resumed = dataset_of(directory, rank, ranks)
    resumed.load_state_dict(state)
    rest = list(loaded(resumed, workers))
    assert pairs_of(rest) == pairs_of(batches[taken:])
    resumed.set_epoch(6)
    whole.set_epoch(6)
    assert pairs_of(loaded(resumed, workers)) == pairs_of(loaded(whole, workers))


def test_without_workers_it_counts_itself(directory: Path) -> None:
    dataset = dataset_of(directory)
    batches = iter(dataset)
    for _ in range(4):
        next(batches)
    resumed = dataset_of(directory)
    resumed.load_state_dict(dataset.state_dict())
    assert pairs_of(resumed) == pairs_of(batches)


@given(of_each=st.lists(st.integers(0, 9), min_size=1, max_size=5), data=st.data())
def test_batches_are_taken_of_workers_in_turn(of_each: list[int], data: st.DataObject) -> None:
    """As a DataLoader does it, one by one."""
    batches = data.draw(st.integers(0, sum(of_each)))
    left, given, worker = list(of_each), [0] * len(of_each), 0
    for _ in range(batches):
        while not left[worker]:
            worker = (worker + 1) % len(left)
        left[worker] -= 1
        given[worker] += 1
        worker = (worker + 1) % len(left)
    assert taken_in_turn(batches, of_each)[0] == given


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"batch_size": 16}, {"shuffle": False}, {"split": "test"}, {"pad": "right"}], ids=str
)
def test_a_state_of_something_else_is_refused(directory: Path, other: dict[str, Any]) -> None:
    state = dataset_of(directory).state_dict(3)
    with pytest.raises(UsageError, match="the state was saved with"):
        dataset_of(directory, **other).load_state_dict(state)


def test_a_state_of_other_workers_is_refused(directory: Path) -> None:
    resumed = dataset_of(directory)
    resumed.load_state_dict(dataset_of(directory).state_dict(3, workers=2))
    with pytest.raises(UsageError, match="num_workers = 2"):
        list(resumed)


# -------------------------------------------------------------------------------------------------------- what is in it


@pytest.mark.parametrize("pad", ["left", "right", "none"])
def test_padding(directory: Path, pad: Any) -> None:
    expected = rows_of(shards(directory, "test"))
    found: list[list[int]] = []
    for batch in dataset_of(directory, split="test", shuffle=False, pad=pad):
        items = batch["input_items"]
        if pad == "none":
            offsets = batch["input_offsets"].tolist()
            found += [items[a:b].tolist() for a, b in itertools.pairwise(offsets)]
            continue
        assert items.shape[1] == 7
        for row, length in zip(items, batch["input_length"].tolist(), strict=True):
            empty, used = (row[: 7 - length], row[7 - length :]) if pad == "left" else (row[length:], row[:length])
            assert not empty.any()
            found.append(used.tolist())
    assert found == [list(items) for _, items, _ in expected]


def test_inputs_can_be_cut_further(directory: Path) -> None:
    found = pairs_of(dataset_of(directory, shuffle=False, max_input=3))
    assert found == [(user, items[-3:], target) for user, items, target in rows_of(shards(directory))]


def test_types_of_tensors(directory: Path) -> None:
    batch = next(iter(dataset_of(directory, columns=["target_position", "input_price", "target_count"])))
    assert {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in batch.items()} == {
        "user_num": (torch.int32, (32,)), "input_items": (torch.int32, (32, 7)), "target_item": (torch.int32, (32,)),
        "input_length": (torch.int32, (32,)), "target_position": (torch.int32, (32,)),
        "input_price": (torch.float64, (32, 7)), "target_count": (torch.int64, (32,)),
    }  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_kept_columns(directory: Path, workers: int) -> None:
    columns = ["input_price", "target_price", "input_count"]
    rows = shards(directory).to_pylist()
    expected = Counter(
        (row["user_num"], tuple(-1.0 if x is None else x for x in row["input_price"]),
         -1.0 if row["target_price"] is None else row["target_price"], tuple(row["input_count"]))
        for row in rows
    )  # fmt: skip
    found: Counter[Any] = Counter()
    for batch in loaded(dataset_of(directory, columns=columns), workers):
        for index, length in enumerate(batch["input_length"].tolist()):
            prices, counts = (batch[name][index].tolist() for name in ("input_price", "input_count"))
            assert not any(prices[: 7 - length])
            target = batch["target_price"][index].item()
            found[
                batch["user_num"][index].item(), tuple(-1.0 if x != x else x for x in prices[7 - length :]),  # noqa: PLR0124  # NaN
                -1.0 if target != target else target, tuple(counts[7 - length :]),  # noqa: PLR0124  # NaN
            ] += 1  # fmt: skip
    assert found == expected


def test_in_memory(directory: Path) -> None:
    dataset = InMemoryPairDataset(directory)
    expected = rows_of(shards(directory))
    assert len(dataset) == len(expected)
    loader = DataLoader(dataset, batch_size=50, shuffle=True, collate_fn=dataset.collate)  # type: ignore[arg-type]  # a batch, by __getitems__
    assert Counter(pairs_of(loader)) == Counter(expected)
    user, items, target = expected[17]
    one = dataset[17]
    assert (one["user_num"].item(), one["target_item"].item()) == (user, target)
    assert one["input_items"].tolist() == [0] * (7 - len(items)) + list(items)
    for row in (0, 17):
        assert dataset[row - len(dataset)]["input_items"].tolist() == dataset[row]["input_items"].tolist()
    for row in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError, match=f"^row {row} of {len(dataset)} pairs$"):
            dataset.__getitems__([0, row])
