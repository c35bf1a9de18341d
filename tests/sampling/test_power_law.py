"""The power law against enumeration in exact arithmetic, and its draws against its probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.sampling.input_sampling import cut_start, draw_starts, input_pmf
from genpas_cli.sampling.power_law import PowerLaw, accurate_cumsum, check_exponent, clip_level
from tests import oracle

EXPONENTS = [-math.inf, -50.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 50.0, math.inf]
FINITE = EXPONENTS[1:-1]
COUNTS = [1, 2, 3, 5, 17, 64]
LONGEST = 10**6
RELATIVE = 1e-12

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Draw = Callable[[PowerLaw, Floats, Ints], Ints]


def positions(count: int) -> NDArray[np.int64]:
    """Return 1..count."""
    return np.arange(1, count + 1)


@lru_cache(maxsize=1)
def exact_sums(exponent: float) -> tuple[list[int], list[int]]:
    """Return i^exponent for i = 1..10^6, and its running sums, in units so small that 30 digits are exact."""
    twice = round(2 * exponent)
    digits = 30 + math.ceil(max(-exponent, 0)) * 6
    if twice % 2:
        weights = [
            math.isqrt(i**twice * 10 ** (2 * digits)) if twice > 0 else math.isqrt(10 ** (2 * digits) // i**-twice)
            for i in range(1, LONGEST + 1)
        ]
    elif twice < 0:
        weights = [10**digits // i ** (-twice // 2) for i in range(1, LONGEST + 1)]
    else:
        weights = [i ** (twice // 2) for i in range(1, LONGEST + 1)]
    return weights, list(accumulate(weights))


# ----------------------------------------------------------------------------------------------------- probabilities


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_pmf_and_cdf_equal_enumeration(exponent: float, count: int) -> None:
    law = PowerLaw(exponent)
    expected = [float(p) for p in oracle.pmf(exponent, count)]
    below = [float(p) for p in oracle.cdf(exponent, count)]
    np.testing.assert_allclose(law.pmf(positions(count), np.array(count)), expected, rtol=RELATIVE)
    np.testing.assert_allclose(law.cdf(positions(count), np.array(count)), below, rtol=RELATIVE)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_input_step_sees_the_power_law_at_its_positions(exponent: float) -> None:
    law, length = PowerLaw(exponent), np.array(13)
    expected = [0.0, *(float(p) for p in oracle.pmf(exponent, 12)), 0.0]
    np.testing.assert_allclose(input_pmf(law, np.arange(14), length), expected, rtol=RELATIVE)


@pytest.mark.parametrize("exponent", FINITE)
def test_pmf_and_cdf_at_a_million_positions(exponent: float) -> None:
    spots = np.array([1, 2, 3, 10, 999, 1024, 1025, 4097, 31_623, 500_000, 999_999, LONGEST])
    weights, sums = exact_sums(exponent)
    expected = [float(Fraction(weights[i - 1], sums[-1])) for i in spots]
    below = [float(Fraction(sums[i - 1], sums[-1])) for i in spots]
    law = PowerLaw(exponent)
    np.testing.assert_allclose(law.pmf(spots, np.array(LONGEST)), expected, rtol=RELATIVE)
    np.testing.assert_allclose(law.cdf(spots, np.array(LONGEST)), below, rtol=RELATIVE)
    assert law.pmf(positions(LONGEST), np.array(LONGEST)).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_outside_the_range_there_is_nothing(exponent: float) -> None:
    law = PowerLaw(exponent)
    assert law.pmf(np.array([-1, 0, 6, 7, 10**9]), np.array(5)).tolist() == [0] * 5
    assert law.pmf(np.array([0, 1, 2]), np.array(0)).tolist() == [0] * 3
    assert law.cdf(np.array([-1, 0, 5, 6, 10**9]), np.array(5)).tolist() == [0, 0, 1, 1, 1]


def test_arguments_broadcast() -> None:
    law = PowerLaw(1.0)
    np.testing.assert_allclose(
        law.pmf(np.array([[1], [2]]), np.array([1, 2, 3])), [[1, 1 / 3, 1 / 6], [0, 2 / 3, 1 / 3]]
    )
    assert law.quantile(np.array([[0.0], [0.99]]), np.array([1, 2, 3])).tolist() == [[1, 1, 1], [1, 2, 3]]


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_one_count_does_not_depend_on_the_others(exponent: float) -> None:
    law = PowerLaw(exponent)
    alone = law.cdf(positions(50), np.array(50))
    among = law.cdf(positions(50)[:, None], np.array([50, 5000, LONGEST]))
    assert alone.tolist() == among[:, 0].tolist()


# ----------------------------------------------------------------------------------------------------------- drawing


@pytest.mark.parametrize("count", [1, 2, 7, 64, 1025])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_quantile_inverts_the_cdf(exponent: float, count: int) -> None:
    law = PowerLaw(exponent)
    below = law.cdf(positions(count), np.array(count))
    above = np.nextafter(below, 2)
    level = np.concatenate(([0.0], below * (1 - 4e-16), np.minimum(above * (1 + 4e-16), np.nextafter(1, 0))))
    expected = np.minimum(np.searchsorted(below, level, side="right") + 1, count)
    assert law.quantile(level, np.array(count)).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("exponent", "count", "level", "expected"),
    [(1.0, 3, 0.5, 3), (1.0, 2, 0.0, 1), (1.0, 20, 0.5, 15), (0.0, 4, 0.25, 2), (0.0, 4, 0.75, 4), (-50.0, 1, 0.5, 1)],
)
def test_a_level_on_an_edge_belongs_to_the_cell_above(exponent: float, count: int, level: float, expected: int) -> None:
    """Half of 1 + 2 + 3 is 1 + 2; half of 1 + .. + 20 is 1 + .. + 14: the cdf there does not exceed the level."""
    assert PowerLaw(exponent).quantile(np.array([level]), np.array([count])).tolist() == [expected]


@pytest.mark.parametrize("exponent", FINITE)
def test_quantile_at_the_ends_stays_inside(exponent: float) -> None:
    counts = np.array([1, 2, 3, 1000, 4095, 4096, 4097, LONGEST])
    law = PowerLaw(exponent)
    assert law.quantile(np.zeros(8), counts).tolist() == [1] * 8
    top = law.quantile(np.full(8, math.nextafter(1, 0)), counts)
    assert (top <= counts).all()
    if exponent >= 0:
        assert top.tolist() == counts.tolist()


@given(
    level=st.floats(0, 1, exclude_max=True),
    count=st.integers(1, 60),
    exponent=st.sampled_from(EXPONENTS) | st.floats(-50, 50),
)
def test_quantile_equals_the_oracle_but_for_the_last_bits_of_the_level(
    level: float, count: int, exponent: float
) -> None:
    found = int(PowerLaw(exponent).quantile(np.array([level]), np.array([count]))[0])
    near = {oracle.quantile(exponent, count, clip) for clip in (max(level - 4e-15, 0), min(level + 4e-15, 1 - 2**-53))}
    assert min(near) <= found <= max(near)


def test_no_bias_needs_no_search_and_gives_what_the_search_would() -> None:
    rng = np.random.default_rng(0)
    count = np.concatenate((rng.integers(1, 50, 100_000), rng.integers(1, LONGEST, 100_000)))
    level = np.concatenate((rng.random(150_000), rng.integers(0, count[150_000:]) / count[150_000:]))
    sums = np.arange(LONGEST + 1, dtype=np.float64)
    searched = np.minimum(np.searchsorted(sums[1:], level * sums[count], side="right") + 1, count)
    assert np.array_equal(PowerLaw(0.0).quantile(level, count), searched)


@pytest.mark.parametrize("draw", [PowerLaw.quantile, draw_starts])
def test_infinite_biases_draw_their_one_outcome(draw: Draw) -> None:
    level, n = np.array([0.0, 0.3, 0.999, math.nextafter(1, 0)]), np.array([2, 3, 50, LONGEST])
    outcomes: dict[Draw, tuple[Ints, list[int]]] = {
        PowerLaw.quantile: (n, [1] * 4),  # n positions: the last, the first
        draw_starts: (n - 1, [1] * 4),  # before target n: one item, the whole prefix
    }
    last, first = outcomes[draw]
    for exponent, expected in ((math.inf, last), (-math.inf, first)):
        found = draw(PowerLaw(exponent), level, n)
        assert found.tolist() == list(expected)
        assert found.dtype == np.int64


def total_variation(exponent: float, count: int) -> float:
    """Return the total variation between the pmf and the draw at a uniform level, from the edges of its cells.

    A uniform level is a/2^53. The draw maps to 1..i the levels below some first a, found here for all i at once.
    """
    law, m = PowerLaw(exponent), np.array(count)
    edge = np.rint(law.cdf(positions(count)[:-1], m) * 2.0**53)
    inside = np.arange(1, count)

    def beyond(a: Floats) -> NDArray[np.bool_]:
        drawn: NDArray[np.bool_] = law.quantile(np.clip(a, 0, 2.0**53 - 1) * 2.0**-53, np.full(count - 1, m)) > inside
        return drawn | (a >= 2.0**53)

    for _ in range(64):  # the guess is a few units off at most
        edge, before = np.where(beyond(edge), edge, edge + 1), edge
        edge = np.where((edge > 0) & beyond(np.maximum(edge - 1, 0)), edge - 1, edge)
        if np.array_equal(edge, before):
            break
    else:
        raise AssertionError("the cells' edges are not where the cdf says")
    mass: Floats = np.diff(edge, prepend=0, append=2.0**53) * 2.0**-53
    return float(np.abs(mass - law.pmf(positions(count), m)).sum() / 2)


@pytest.mark.parametrize("count", [2, 64, 4097, LONGEST])
@pytest.mark.parametrize("exponent", FINITE)
def test_draws_are_within_1e9th_of_the_pmf(exponent: float, count: int) -> None:
    assert total_variation(exponent, count) <= 1e-9


# ---------------------------------------------------------------------------------------------------------- the rest


def test_a_sequence_too_long_for_the_bias_is_an_error_and_no_overflow() -> None:
    longest = np.array(1 << 20)  # "up to m = 2^20 the sums still fit a float64"
    assert PowerLaw(50.0).pmf(longest, longest) > 0
    for call in (PowerLaw(50.0).pmf, PowerLaw(50.0).cdf):
        with pytest.raises(DataError, match="too long for a bias of 50"):
            call(np.array(2_000_000), np.array(2_000_000))
    with pytest.raises(DataError, match="too long for a bias of 50"):
        PowerLaw(50.0).quantile(np.array([0.5]), np.array([2_000_000]))
    assert PowerLaw(-50.0).quantile(np.array([0.5]), np.array([2_000_000])).tolist() == [1]


@pytest.mark.parametrize("value", [math.nan, 50.0001, 50.000001, -51.0, 1e300])
@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
def test_an_exponent_out_of_range_is_named(value: float, name: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        check_exponent(value, name)
    assert f"{name} is {repr(value).removesuffix('.0')};" in caught.value.message
    limit = f"To always choose the extreme: --{name} {'-inf' if value < 0 else 'inf'}"
    assert caught.value.tip == (None if math.isnan(value) else limit)


@pytest.mark.parametrize("value", EXPONENTS)
def test_an_exponent_in_range_is_returned(value: float) -> None:
    assert check_exponent(value, "alpha") == value


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 5000])
def test_running_sums(size: int) -> None:
    values = np.random.default_rng(size).random(size)
    sums = accurate_cumsum(values)
    assert len(sums) == size
    np.testing.assert_allclose(sums, [math.fsum(values[: i + 1]) for i in range(size)], rtol=1e-14)


def test_running_sums_do_not_depend_on_what_follows() -> None:
    values = np.random.default_rng(1).random(5000)
    assert accurate_cumsum(values[:1500]).tolist() == accurate_cumsum(values)[:1500].tolist()


def test_levels_are_clipped_into_the_half_open_interval() -> None:
    just_below = math.nextafter(1.0, 0.0)
    assert clip_level(np.array([-1e-9, 0, 0.5, 1, math.inf])).tolist() == [0, 0, 0.5, just_below, just_below]


def test_cutting_an_input_moves_its_start_only_where_it_is_too_long() -> None:
    start, target = np.array([1, 1, 4, 9]), np.array([2, 11, 10, 10])
    assert cut_start(start, target, 5).tolist() == [1, 6, 5, 9]
    assert cut_start(start, target, None).tolist() == start.tolist()
