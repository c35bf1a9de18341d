"""Small logs in the place of a store: what the exact figures are computed from, by the code that reads a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from numpy.typing import NDArray

from genpas_cli.figures.options import StatsOptions
from genpas_cli.figures.plan import stats_plan
from genpas_cli.figures.reports.store_report import store_report
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.sql.database import Database
from genpas_cli.sampling.strategies import triple
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.sequences import Sequences
from genpas_cli.store.splits import Split
from genpas_cli.store.store import Store
from tests import oracle
from tests.properties.strategies import NAMED, biases

WHOLE = 1 << 17
"""More users than any log here has: all of them in one run."""


@dataclass(frozen=True)
class MemoryStore(Store):
    """A log that is read as a store is, in runs of so many users."""

    log: oracle.Log
    users_a_run: int

    def train_length_histogram(self) -> NDArray[np.int64]:
        """Return how many users have each training length."""
        return np.bincount(self.log.train)

    def column_types(self) -> dict[str, pa.DataType]:
        """Return the columns: there are no times."""
        return {"user_num": pa.int32(), "item_num": pa.int32()}

    def histories(  # as a store's
        self, through: Split, interactions: int, kept: Sequence[str] = (),  # noqa: ARG002  # as a store's
    ) -> Iterator[tuple[Lengths, Sequences]]:  # fmt: skip
        """Yield the sequences in runs."""
        log = self.log
        for begin in range(0, len(log.histories), self.users_a_run):
            part = slice(begin, begin + self.users_a_run)
            total = [len(history) for history in log.histories[part]]
            lengths = Lengths(*(np.array(a, np.int64) for a in (log.train[part], log.validation[part], total)))
            given = {
                "train": lengths.train, "validation": lengths.train + lengths.validation, "test": lengths.total
            }[through]  # fmt: skip
            items = [i for history, end in zip(log.histories[part], given, strict=True) for i in history[:end]]
            user = np.arange(begin, begin + len(total), dtype=np.int32)
            offsets = np.concatenate(([0], np.cumsum(given)))
            yield lengths, Sequences(user, offsets, np.zeros(len(user), np.int64), np.array(items, np.int32))


def held_out_counts(log: oracle.Log) -> dict[str, int]:
    """Return how many targets each split holds out."""
    parts = [(v, len(h) - t - v) for h, t, v in zip(log.histories, log.train, log.validation, strict=True)]
    return {
        split: sum(count if log.evaluated == "all" else min(count, 1) for count in counts)
        for split, counts in zip(("validation", "test"), zip(*parts, strict=True), strict=True)
    }


def memory_store(log: oracle.Log, users_a_run: int = WHOLE) -> MemoryStore:
    """Return the log as a store; its vocabulary has an item more than occur."""
    interactions = sum(map(len, log.histories))
    shares = dict.fromkeys(("tied_events", "tied_test", "tied_validation", "tied_either"), 0.0)
    meta = {
        "users": len(log.histories), "items": max(log.occurring) + 1, "interactions": interactions,
        "length": {"mean": interactions / sum(map(bool, log.histories))}, "time_range": None, "ties": shares,
        "split": {"rule": "by hand", "eval": log.evaluated, "train": sum(log.train)} | held_out_counts(log),
    }  # fmt: skip
    return MemoryStore(Path("memory"), cast("Database", None), meta, log, users_a_run)


@dataclass(frozen=True)
class Case:
    """A log, a strategy, and how it is looked at."""

    log: oracle.Log
    strategy: Strategy
    similarity: str = "containment"
    window: int = 10
    max_input: int | None = None
    pairs: int | None = None

    @property
    def rule(self) -> oracle.Rule:
        """What the oracle draws."""
        return oracle.rule_of(self.strategy.name)

    def report(
        self, *more: Strategy, users_a_run: int = WHOLE, epsilon: float = 1e-10, progress: Progress = silent
    ) -> StatsReport:
        """Compute the report of the strategy, and of more of them."""
        options = StatsOptions(
            strategy=tuple(strategy.name for strategy in (self.strategy, *more)),
            similarity=f"{self.similarity}@{self.window}", epsilon=epsilon,
            max_input="none" if self.max_input is None else str(self.max_input),
            pairs=None if self.pairs is None else str(self.pairs),
        )  # fmt: skip
        return store_report(memory_store(self.log, users_a_run), stats_plan(options), "memory", progress).report

    def figures(self, progress: Progress = silent) -> StrategyFigures:
        """Compute the figures of the strategy."""
        return self.report(progress=progress).strategies[0]


@st.composite
def logs(draw: st.DrawFn, *, users: int = 6, longest: int = 9) -> oracle.Log:
    """Give logs in which items repeat; some users have no training, validation or test; one can be trained on."""
    item = st.integers(1, draw(st.sampled_from([1, 2, 4, 12])))
    histories, train, validation = [], [], []
    for number in range(draw(st.integers(1, users))):
        history = draw(st.lists(item, min_size=2 if number == 0 else 0, max_size=longest))
        histories.append(history)
        train.append(draw(st.integers(2 if number == 0 else 0, len(history))))
        validation.append(draw(st.integers(0, len(history) - train[-1])))
    return oracle.Log(histories, train, validation, draw(st.sampled_from(["all", "first", "last"])))


def strategies() -> st.SearchStrategy[Strategy]:
    """Give the named strategies and triples of any biases; each is what its name is parsed as."""
    return st.builds(triple, biases(), biases(), biases()) | st.sampled_from(list(NAMED.values()))


def cases() -> st.SearchStrategy[Case]:
    """Give cases with and without truncation, for every similarity."""
    return st.builds(
        Case, logs(), strategies(), st.sampled_from(["containment", "recall", "cosine", "overlap"]),
        st.sampled_from([1, 2, 3, 10]), st.none() | st.integers(1, 4), st.none() | st.integers(1, 40),
    )  # fmt: skip
