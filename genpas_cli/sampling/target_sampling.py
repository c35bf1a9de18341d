"""Step 2 of GenPAS: which position of the sequence is the target, p_β(k | s) ∝ (k − 1)^β on k = 2..|s|.

Source: arXiv 2509.13648. Positions are 1-based. The kernel sees i = k − 1 on {1..m}, m = |s| − 1.
"""

from __future__ import annotations

from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel


def target_pmf(kernel: PositionKernel, target: Ints, length: Ints) -> Floats:
    """Return p(k | s) for target positions k in sequences of the given lengths; 0 where k < 2 or k > |s|."""
    return kernel.pmf(target - 1, length - 1)


def draw_targets(kernel: PositionKernel, level: Floats, length: Ints) -> Ints:
    """Return the target position k ∈ {2..|s|} at each level ∈ [0, 1) of its sequence's cdf, int64."""
    return kernel.quantile(level, length - 1) + 1
