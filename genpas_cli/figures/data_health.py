"""The figures of the data itself: what its store knows, what one pass counted, and how its times overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from genpas_cli.figures.figure import computed
from genpas_cli.figures.gathered import GatheredData
from genpas_cli.figures.store_passes import StoreCounts
from genpas_cli.figures.table import DataFigures
from genpas_cli.sampling.kernels import Floats
from genpas_cli.store.store import Store

_TIME_BYTES = 24
"""Of a test interaction while the times of a part of them are sorted."""


def data_figures(store: Store, counts: StoreCounts, memory: int) -> DataFigures:
    """Return the figures of the data.

    Args:
        store: the store.
        counts: of a pass that went through the test split.
        memory: bytes that may be taken.
    """
    leaked, future = _leakage(store, memory)
    gathered = GatheredData(
        meta=store.meta, occurs=counts.occurs, train=counts.train, targets=counts.targets, repeats=counts.repeats,
        leaked_test=leaked, future_training=future,
    )  # fmt: skip
    return computed(DataFigures, gathered)


def _leakage(store: Store, memory: int) -> tuple[float | None, float | None]:
    """Return the share of test interactions before the last training one, and how many of those come after one."""
    if "time" not in store.column_types():
        return None, None
    leaked = later = tests = trained = 0
    for test in _sorted_parts(store.times("test"), max(memory // _TIME_BYTES, 1)):
        latest, trained = -np.inf, 0
        for times in store.times("train"):
            # One after the other, sorted ones look at the same places; others wait for the memory.
            later += int(np.searchsorted(test, np.sort(times), side="left").sum())
            latest, trained = max(latest, float(times.max(initial=-np.inf))), trained + len(times)
        leaked, tests = leaked + int(np.searchsorted(test, latest, side="left")), tests + len(test)
    return (leaked / tests, later / (trained * tests)) if trained else (None, None)


def _sorted_parts(batches: Iterable[Floats], most: int) -> Iterator[Floats]:
    """Yield numbers in sorted parts of about so many."""
    part: list[Floats] = []
    for batch in batches:
        if part and sum(map(len, part)) + len(batch) > most:
            yield np.sort(np.concatenate(part))
            part = []
        part.append(batch)
    if part:
        yield np.sort(np.concatenate(part))
