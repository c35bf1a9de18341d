"""Step 1, the weights of sequences, against enumeration in exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.runtime.errors import DataError
from genpas_cli.sampling.rules.slide_window import PairCountWeights
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw, scaled, sequence_pmf
from tests import oracle
from tests.properties.strategies import BIASES, histories

SIZES = {1: 3, 2: 1, 5: 10, 999: 2, 4097: 1, 10**6: 4}
"""Sequences by their number of possible targets."""


def histogram_of(sizes: dict[int, int]) -> np.ndarray:
    """Return a histogram as the kernels take it."""
    histogram = np.zeros(max(sizes) + 1, np.int64)
    for m, count in sizes.items():
        histogram[m] = count
    histogram[0] = 7  # sequences shorter than 2 take no part
    return histogram


@pytest.mark.parametrize("alpha", BIASES)
def test_pmf_equals_enumeration(alpha: float) -> None:
    histogram = histogram_of(SIZES)
    lengths = [m + 1 for m in SIZES for _ in range(SIZES[m])]
    exact = dict(zip(lengths, oracle.sequence_masses(alpha, lengths), strict=True))
    found = sequence_pmf(SequencePowerLaw(alpha).weights(histogram), histogram)
    np.testing.assert_allclose([found[m] for m in SIZES], [float(exact[m + 1]) for m in SIZES], rtol=1e-12)
    assert found @ histogram == pytest.approx(1, abs=1e-12)
    assert set(np.flatnonzero(found)) <= set(SIZES)


def test_pair_counts_weigh_as_enumeration_does() -> None:
    histogram = histogram_of(SIZES)
    found = sequence_pmf(PairCountWeights().weights(histogram), histogram)
    total = sum(count * m * (m + 1) // 2 for m, count in SIZES.items())
    np.testing.assert_allclose([found[m] for m in SIZES], [m * (m + 1) / 2 / total for m in SIZES], rtol=1e-12)


@pytest.mark.parametrize("alpha", [math.inf, -math.inf])
def test_infinite_biases_are_uniform_over_the_longest_and_the_shortest(alpha: float) -> None:
    found = SequencePowerLaw(alpha).weights(histogram_of(SIZES))
    assert np.flatnonzero(found).tolist() == [10**6 if alpha > 0 else 1]


@pytest.mark.parametrize("alpha", [-50.0, 50.0])
def test_the_steepest_biases_neither_overflow_nor_warn(alpha: float) -> None:
    weights = SequencePowerLaw(alpha).weights(histogram_of({1: 10**9, 10**6: 10**9}))
    assert np.isfinite(weights @ histogram_of({1: 10**9, 10**6: 10**9}))
    assert 1 <= weights.max() < 2


def test_a_sequence_too_long_for_the_bias_is_an_error() -> None:
    with pytest.raises(DataError, match="too long for a bias of 50"):
        SequencePowerLaw(50.0).weights(histogram_of({2_000_000: 1}))


@given(lengths=histories(), alpha=st.sampled_from([0.0, 1.0, 2.0, 3.0]))
def test_scaled_whole_numbers_stay_exact(lengths: list[int], alpha: float) -> None:
    targets = [max(n - 1, 0) for n in lengths]
    weights = SequencePowerLaw(alpha).weights(np.bincount(targets))
    ratios = {weights[m] / m**alpha for m in targets if m}
    assert len(ratios) == 1
    assert math.frexp(ratios.pop())[0] == 0.5  # a power of two


def test_scaling() -> None:
    assert scaled(np.array([0.0, 3.0, 12.0])).tolist() == [0, 0.375, 1.5]
    assert scaled(np.array([0.0, 2.0**-900])).tolist() == [0, 1]
    assert scaled(np.zeros(3)).tolist() == [0, 0, 0]
    assert SequencePowerLaw(1.0).weights(np.array([5])).tolist() == [0]
