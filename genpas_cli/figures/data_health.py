"""The health of a log: what its store knows, and what one pass found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from genpas_cli.figures.distribution.divergence import popularity_deciles
from genpas_cli.figures.distribution.targets import share
from genpas_cli.figures.results import DataFigures
from genpas_cli.figures.store_passes import Survey
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.store.store import Store

_TIME_BYTES = 24
"""Of a test interaction while the times of a part of them are sorted."""


def data_figures(store: Store, survey: Survey, memory: int) -> DataFigures:
    """Return the figures of the data, of a survey that went through the test split; some bytes of memory are free."""
    meta, items = store.meta, int(survey.occurs.sum())
    leaked, future = _leakage(store, memory)
    test = share(survey.targets["test"])
    return DataFigures(
        users=meta["users"], items=items, interactions=meta["interactions"],
        density=meta["interactions"] / (meta["users"] * items), length=meta["length"], time_range=meta["time_range"],
        repeats=survey.repeats / meta["interactions"],
        tied_events=meta["ties"]["tied_events"], tied_test=meta["ties"]["tied_test"],
        tied_validation=meta["ties"]["tied_validation"], tied_either=meta["ties"]["tied_either"],
        cold_validation=_cold(survey.targets["validation"], survey.train),
        cold_test=_cold(survey.targets["test"], survey.train), leaked_test=leaked, future_training=future,
        split={"train": meta["split"]["train"]} | {name: int(c.sum()) for name, c in survey.targets.items()},
        test_popularity_deciles=(
            None if test is None else popularity_deciles(test[survey.occurs], survey.train[survey.occurs])
        ),
    )  # fmt: skip


def _cold(targets: Ints, train: Ints) -> float | None:
    total = int(targets.sum())
    return float(targets[train == 0].sum() / total) if total else None


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
