"""Step 3 of GenPAS: where the input starts, p_γ(j | k, s) ∝ j^γ on j = 1..k − 1; the input is s_j..s_{k−1}.

Source: arXiv 2509.13648. Positions are 1-based. Cutting the input to its last L items comes after the draw and does not
change the probabilities.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel

Positions = TypeVar("Positions", NDArray[np.int32], NDArray[np.int64])


def input_pmf(kernel: PositionKernel, start: Ints, target: Ints) -> Floats:
    """Return p(j | k) for input starts j before target positions k; 0 where j < 1 or j ≥ k."""
    return kernel.pmf(start, target - 1)


def draw_starts(kernel: PositionKernel, level: Floats, target: Ints) -> Ints:
    """Return the input start j ∈ {1..k − 1} at each level ∈ [0, 1), int64."""
    return kernel.quantile(level, target - 1)


def cut_start(start: Positions, target: Positions, max_input: int | None) -> Positions:
    """Return the input start after the input is cut to its `max_input` most recent items (None: as drawn)."""
    return start if max_input is None else np.maximum(start, target - max_input)
