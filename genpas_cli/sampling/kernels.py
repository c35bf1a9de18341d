"""The interfaces of a step's distribution; a new kernel implements one of them, in a file of its own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PositionKernel(Protocol):
    """A family of distributions over the positions 1..m, one for every m ≥ 1.

    All methods are vectorised: they take arrays that broadcast against each other.
    """

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """Probability of `position` (1-based) among 1..`count`; 0 outside that range."""
        ...

    def cdf(self, position: Ints, count: Ints) -> Floats:
        """Probability of a position ≤ `position` among 1..`count`; 0 below 1, 1 from `count` on."""
        ...

    def quantile(self, level: Floats, count: Ints) -> Ints:
        """Smallest position whose cdf exceeds `level` ∈ [0, 1): the inverse-CDF draw for uniform levels."""
        ...


class SequenceKernel(Protocol):
    """The weight of a sequence as a function of its number of possible targets."""

    @property
    def follows_targets(self) -> bool:
        """Whether the weight keeps its meaning when a condition restricts which interactions can be targets.

        False for a weight that counts pairs: the number of pairs that end at the remaining targets does not follow from
        the number of targets.
        """
        ...

    def weights(self, histogram: Ints) -> Floats:
        """Unnormalised weight of one sequence, by its number of possible targets m = |s| − 1.

        Args:
            histogram: int64 (M + 1,), how many sequences offer m targets, for m = 0..M.

        Returns:
            float64 (M + 1,), 0 at m = 0; scaled by a power of two so that the largest weight in use lies in [1, 2).
        """
        ...
