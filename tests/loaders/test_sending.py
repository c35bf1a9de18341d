"""Batches that leave a worker arrive as they were, whatever is done with them on either side."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from genpas_cli.loaders import tensors
from genpas_cli.loaders.batches import Field, Packed
from genpas_cli.loaders.tensors import Batch, SentBatch


def packed(rows: int, value: int) -> Packed:
    fields = (Field("a", "<i4", (rows,), 0), Field("b", "<i8", (rows, 2), 64 * rows))
    batch = Packed(np.zeros(64 * rows + 16 * rows, np.uint8), fields)
    for field in fields:
        batch.array(field)[:] = value
    return batch


class Numbered(IterableDataset[Batch]):
    """Batches that are as large, or as changed, as their test wants them."""

    def __init__(self, sizes: list[int], change: Any = None) -> None:
        self._sizes, self._change = sizes, change

    def __iter__(self) -> Iterator[Batch]:
        for value, rows in enumerate(self._sizes):
            batch = SentBatch(packed(rows, value))
            if self._change is not None:
                self._change(batch)
            yield batch


def received(dataset: Numbered) -> list[Batch]:
    return list(DataLoader(dataset, batch_size=None, num_workers=1))


def sent(batch: SentBatch) -> bytes:
    out = io.BytesIO()
    ForkingPickler(out).dump(batch)  # as a queue does
    return out.getvalue()


def holds(batch: Batch, value: int, rows: int) -> bool:
    return (
        batch["a"].tolist() == [value] * rows
        and batch["b"].shape == (rows, 2)
        and bool((batch["b"] == value).all())
        and type(batch) is dict
    )


@pytest.fixture
def _no_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "_outgoing", None)
    monkeypatch.setattr(tensors, "_incoming", {})


def test_kept_batches_are_not_written_over() -> None:
    batches = received(Numbered([50] * 40))
    assert all(holds(batch, value, 50) for value, batch in enumerate(batches))


def test_batches_may_grow() -> None:
    sizes = [1, 3, 2, 10, 400, 5, 399, 500, 2]
    batches = received(Numbered(sizes))
    assert all(holds(batch, value, rows) for value, (batch, rows) in enumerate(zip(batches, sizes, strict=True)))


@pytest.mark.usefixtures("_no_slots")
def test_more_batches_under_way_than_there_are_slots() -> None:
    messages = [sent(SentBatch(packed(20, value))) for value in range(10)]
    batches = [pickle.loads(message) for message in messages]  # noqa: S301  # our own
    assert all(holds(batch, value, 20) for value, batch in enumerate(batches))


@pytest.mark.usefixtures("_no_slots")
def test_one_batch_may_be_sent_twice() -> None:
    batch = SentBatch(packed(20, 7))
    first = pickle.loads(sent(batch))  # noqa: S301  # our own
    for value in range(8):
        pickle.loads(sent(SentBatch(packed(20, value))))  # noqa: S301  # our own
    assert holds(first, 7, 20)
    assert holds(pickle.loads(sent(batch)), 7, 20)  # noqa: S301  # our own


@pytest.mark.usefixtures("_no_slots")
def test_slots_are_used_again() -> None:
    for value in range(50):
        assert holds(pickle.loads(sent(SentBatch(packed(20, value)))), value, 20)  # noqa: S301  # our own
        assert tensors._outgoing is not None
        assert not tensors._outgoing.taken.any()
    assert len(tensors._incoming) == 1


def test_slots_are_what_a_dataloader_sends_by() -> None:
    class Watched(Numbered):
        def __iter__(self) -> Iterator[Batch]:
            for batch in super().__iter__():
                yield batch
                # A DataLoader copies what it gets, and sends the copy.
                assert type(copy.copy(batch)) is SentBatch

    assert len(received(Watched([5] * 3))) == 3
    assert tensors._incoming, "nothing came by a slot"


@pytest.mark.parametrize("moment", ["replaced", "added", "removed"])
def test_what_a_dataset_around_it_changes_is_sent(moment: str) -> None:
    def change(batch: Batch) -> None:
        if moment == "removed":
            del batch["b"]
        else:
            batch["a" if moment == "replaced" else "c"] = torch.ones(3)

    for batch in received(Numbered([5] * 6, change)):
        assert set(batch) == {"replaced": {"a", "b"}, "added": {"a", "b", "c"}, "removed": {"a"}}[moment]
        if moment != "removed":
            assert batch["a" if moment == "replaced" else "c"].tolist() == [1.0] * 3


def test_what_is_changed_in_place_is_sent() -> None:
    def change(batch: Batch) -> None:
        batch["a"] += 100

    assert [batch["a"].tolist() for batch in received(Numbered([2] * 5, change))] == [[100 + n] * 2 for n in range(5)]


def test_slots_of_workers_that_have_ended_are_given_up() -> None:
    received(Numbered([5] * 3))
    before = set(tensors._incoming)
    received(Numbered([5] * 3))
    assert not before & set(tensors._incoming)
