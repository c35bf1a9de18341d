"""The health of a log: what its store knows, and what one pass found."""

from __future__ import annotations

import numpy as np

from genpas_cli.distribution.divergence import popularity_deciles
from genpas_cli.distribution.targets import share
from genpas_cli.jobs.surveys import Survey
from genpas_cli.report.figures import DataFigures
from genpas_cli.sampling.kernels import Ints
from genpas_cli.store import Store


def data_figures(store: Store, survey: Survey) -> DataFigures:
    """Return the figures of the data, of a survey that went through the test split."""
    meta, items = store.meta, int(survey.occurs.sum())
    leaked, future = _leakage(store)
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


def _leakage(store: Store) -> tuple[float | None, float | None]:
    """Return the share of test interactions before the last training one, and how many of those come after one."""
    if "time" not in store.column_types():
        return None, None
    test = np.sort(np.concatenate([np.zeros(0), *store.times("test")]))
    if len(test) == 0:
        return None, None
    latest, later, total = -np.inf, 0, 0
    for times in store.times("train"):
        later += int(np.searchsorted(test, times, side="left").sum())
        total += len(times)
        latest = max(latest, float(times.max(initial=-np.inf)))
    if total == 0:
        return None, None
    return float(np.searchsorted(test, latest, side="left") / len(test)), later / (total * len(test))
