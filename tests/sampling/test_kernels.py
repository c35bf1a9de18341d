"""Every kernel of a position step that is no power law: exact probabilities and draws, against exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.sampling.kernels import PositionKernel
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.rules import USAGES
from genpas_cli.sampling.rules.recency import Recency
from genpas_cli.sampling.rules.windows import LastOf
from genpas_cli.sampling.strategies import parse_strategy
from tests import oracle

KERNELS: dict[str, tuple[PositionKernel, oracle.Law]] = {
    **{f"recency {keep}": (Recency(keep), ("recency", keep)) for keep in (1e-6, 0.3, 0.8, 0.999, 1 - 1e-9)},
    **{f"last of {width}": (LastOf(width), ("last of", width)) for width in (1, 2, 20)},
}


def test_every_kernel_of_a_rule_is_tested_here() -> None:
    strategies = [parse_strategy(usage) for usage in USAGES.values()]
    used = {type(kernel) for strategy in strategies for kernel in (strategy.target, strategy.input)}
    assert used == {PowerLaw} | {type(kernel) for kernel, _ in KERNELS.values()}


every_kernel = pytest.mark.parametrize("name", KERNELS)

RELATIVE, LONGEST = 1e-12, 1_000_000


@every_kernel
@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 60])
def test_pmf_and_cdf_equal_enumeration(name: str, count: int) -> None:
    kernel, law = KERNELS[name]
    positions, size = np.arange(1, count + 1), np.array(count)
    for found, exact in (
        (kernel.pmf(positions, size), oracle.pmf(law, count)),
        (kernel.cdf(positions, size), oracle.cdf(law, count)),
    ):
        np.testing.assert_allclose(found, [float(p) for p in exact], RELATIVE, 1e-300)  # 1e-6^59 is no float


@every_kernel
def test_outside_the_positions_there_is_nothing(name: str) -> None:
    kernel, _ = KERNELS[name]
    position, count = np.array([-1, 0, 6, 7, 1, 0]), np.array([5, 5, 5, 5, 0, 0])
    assert kernel.pmf(position, count).tolist() == [0.0] * 6
    assert kernel.cdf(np.array([-1, 0, 5, 6]), np.array(5)).tolist() == [0.0, 0.0, 1.0, 1.0]


@every_kernel
@given(count=st.integers(1, 50), level=st.floats(0, 1, exclude_max=True))
def test_a_draw_is_the_position_where_the_cdf_passes_the_level(name: str, count: int, level: float) -> None:
    kernel, law = KERNELS[name]
    found = int(kernel.quantile(np.array([level]), np.array([count]))[0])
    below = [Fraction(0), *oracle.cdf(law, count)]
    rounding = Fraction(1, 10**12)
    assert below[found - 1] <= Fraction(level) + rounding
    assert below[found] > Fraction(level) - rounding


@every_kernel
def test_draws_of_evenly_spread_levels_are_the_pmf(name: str) -> None:
    kernel, law = KERNELS[name]
    levels = (np.arange(100_000) + 0.5) / 100_000
    drawn = np.bincount(kernel.quantile(levels, np.full(len(levels), 30)), minlength=31)[1:] / len(levels)
    assert np.abs(drawn - [float(p) for p in oracle.pmf(law, 30)]).max() <= 1 / len(levels)


@every_kernel
def test_a_million_positions(name: str) -> None:
    kernel, _ = KERNELS[name]
    positions, count = np.arange(1, LONGEST + 1), np.array(LONGEST)
    pmf, cdf = kernel.pmf(positions, count), kernel.cdf(positions, count)
    assert math.fsum(pmf) == pytest.approx(1, rel=1e-9)
    assert (np.diff(cdf) >= 0).all()
    np.testing.assert_allclose(np.cumsum(pmf), cdf, rtol=1e-6, atol=1e-12)
    levels = np.random.default_rng(0).random(10_000)
    drawn = kernel.quantile(levels, np.full(len(levels), LONGEST))
    assert (cdf[drawn - 1] > levels).all()
    assert (np.where(drawn > 1, cdf[np.maximum(drawn - 2, 0)], 0.0) <= levels).all()


@every_kernel
def test_dtypes_and_broadcasting(name: str) -> None:
    kernel, _ = KERNELS[name]
    counts = np.array([[1], [5], [30]])
    assert kernel.pmf(np.arange(1, 4), counts).shape == kernel.cdf(np.arange(1, 4), counts).shape == (3, 3)
    drawn = kernel.quantile(np.array([0.0, 0.5, math.nextafter(1, 0)]), counts)
    assert drawn.shape == (3, 3)
    assert drawn.dtype == np.int64
    assert (drawn >= 1).all()
    assert (drawn <= counts).all()


def test_recency_lies_between_its_limits() -> None:
    levels, count = np.linspace(0, 1, 1000, endpoint=False), np.full(1000, 12)
    assert (Recency(1e-6).quantile(levels[:999], count[:999])[2:] == 12).all()
    np.testing.assert_allclose(Recency(1 - 1e-12).pmf(np.arange(1, 13), np.array(12)), 1 / 12, rtol=1e-10)
