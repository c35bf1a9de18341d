"""The data that passes over a store or over pairs gather; the figures of the table are computed from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from genpas_cli.figures.distribution.alignment import Alignment
from genpas_cli.figures.distribution.divergence import References, entropy, popularity_deciles
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.store.splits import HeldOut

if TYPE_CHECKING:
    import numpy as np

    from genpas_cli.figures.reports.time_counts import TimeFigures


@dataclass(frozen=True, kw_only=True)
class GatheredTargets:
    """What a trainer predicts: a distribution of targets. Arrays "by item" have items + 1 entries."""

    p: Floats
    """float64 by item: probability that a pair has this target, or that a supervised position has this item."""
    references: References
    popularity: Ints | None
    """int64 by item: training interactions; None without a store."""
    target_tenths: list[float] | None
    """Share of the targets by (k − 1) / (|s| − 1), in tenths; None without a store."""

    def deciles(self) -> list[float] | None:
        """Return the share of targets on each tenth of the items by popularity."""
        return None if self.popularity is None else _deciles(self.p, self.popularity, self.references.occurs)


@dataclass(frozen=True, kw_only=True)
class GatheredPairs(GatheredTargets):
    """The training pairs of one strategy, or those of existing shards."""

    alignment: Alignment
    mean_input_length: float
    input_lengths: Floats
    """float64 (L + 1,): share of the pairs whose input has ℓ = 0..L items."""
    cell_entropy: float | None
    """Entropy of (s, k, j) in nats, with inputs cut to L; None for existing pairs."""
    sequence_lengths: Floats | None
    """float64: share of the pairs by the length |s| of their sequence; None without a store."""

    @property
    def inputs_per_target(self) -> float | None:
        """Return exp(H(x, y) − H(y))."""
        return None if self.cell_entropy is None else math.exp(self.cell_entropy - entropy(self.p))


@dataclass(frozen=True, kw_only=True)
class GatheredData:
    """The interactions of a store. Counts are int64 by item, with items + 1 entries."""

    meta: dict[str, Any]
    """Metadata of the store."""
    occurs: NDArray[np.bool_]
    """bool by item: whether the item occurs."""
    train: Ints
    """Training interactions of each item."""
    targets: Mapping[HeldOut, Ints]
    """Held-out targets of each item, by split."""
    repeats: int
    """Interactions with an item that the same user has interacted with before."""
    leaked_test: float | None
    future_training: float | None
    """See the figures of the same names."""
    times: TimeFigures
    """Durations; without values if the store has no times."""

    @property
    def users(self) -> int:
        """Return the number of users with an interaction; the store also numbers those of `--users` without one."""
        users: float = self.meta["interactions"] / self.meta["length"]["mean"]
        return round(users)

    @property
    def items(self) -> int:
        """Return the number of items that occur."""
        return int(self.occurs.sum())

    def cold(self, split: HeldOut) -> float | None:
        """Return the share of held-out targets whose item is not in training; None if the split has no targets."""
        targets = self.targets[split]
        total = int(targets.sum())
        return float(targets[self.train == 0].sum() / total) if total else None

    def split(self) -> dict[str, int]:
        """Return the number of training interactions, and of targets per held-out split."""
        return {"train": self.meta["split"]["train"]} | {name: int(c.sum()) for name, c in self.targets.items()}

    def dropped_cold(self) -> dict[str, int]:
        """Return the numbers of validation and test targets that `--drop-cold` left out."""
        return dict(self.meta["split"].get("cold", {"validation": 0, "test": 0}))

    def popularity_of_targets(self) -> list[float] | None:
        """Return the share of test targets on each tenth of the items by popularity; None without test targets."""
        total = int(self.targets["test"].sum())
        return _deciles(self.targets["test"] / total, self.train, self.occurs) if total else None


def _deciles(p: Floats, popularity: Ints, occurs: NDArray[np.bool_]) -> list[float]:
    return popularity_deciles(p[occurs], popularity[occurs])
