"""The power law p(i) ∝ i^θ on {1..m}: exact probabilities and draws, from one table of prefix sums per exponent.

Source: Lee et al., "Sequential Data Augmentation for Generative Recommendation", WSDM 2026, arXiv 2509.13648: all three
steps of GenPAS draw from it. θ = −∞ puts all mass on 1, θ = +∞ on m, θ = 0 is uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.sampling.kernels import Floats, Ints

LARGEST_EXPONENT = 50.0
"""Largest finite exponent supported: up to m = 2^20 the sums still fit a float64."""

_BLOCK = 1024
_SMALLEST_TABLE = 4096
_JUST_BELOW_ONE = math.nextafter(1.0, 0.0)


def check_exponent(value: float, name: str) -> float:
    """Return `value` if it can be an exponent, else raise UsageError that names the option."""
    if math.isnan(value) or (math.isfinite(value) and abs(value) > LARGEST_EXPONENT):
        largest, extreme = show_exponent(LARGEST_EXPONENT), "-inf" if value < 0 else "inf"
        raise UsageError(
            f"{name} is {show_exponent(value)}; a bias must be a number from -{largest} to {largest}, inf or -inf",
            tip=None if math.isnan(value) else f"To always choose the extreme: --{name} {extreme}",
        )
    return value


def show_exponent(value: float) -> str:
    """Return the shortest text that reads back as the same number: 1, 0.5, -inf."""
    return repr(float(value)).removesuffix(".0")


def powers(base: Ints, exponent: float) -> Floats:
    """Return base^exponent elementwise as float64 (a few ulp).

    Raises:
        DataError: a power does not fit a float64.
    """
    with np.errstate(over="ignore"):
        values: Floats = np.power(base.astype(np.float64), exponent)
    if not np.isfinite(values).all():
        raise _too_long(int(np.max(base)), exponent)
    return values


def _too_long(size: int, exponent: float) -> DataError:
    return DataError(
        f"a sequence of about {size:,} interactions is too long for a bias of {exponent:g}: its weights overflow",
        tip="Use a smaller bias, or the limit inf.",
    )


def accurate_cumsum(values: Floats) -> Floats:
    """Return the running sums of non-negative values, to a relative error of about 2·10^-13 at 10^6 terms.

    A plain `cumsum` may lose 10^6 ulp by then; summing blocks of 1,024 and then the block totals bounds the number of
    roundings behind any entry by 1,024 + size / 1,024. An entry does not depend on how many follow it.
    """
    padded = np.zeros(-(-len(values) // _BLOCK) * _BLOCK)
    padded[: len(values)] = values
    within = np.cumsum(padded.reshape(-1, _BLOCK), axis=1)
    before = np.concatenate(([0.0], np.cumsum(within[:, -1])[:-1]))
    sums: Floats = (within + before[:, None]).ravel()[: len(values)]
    return sums


@lru_cache(maxsize=32)
def _terms(exponent: float, size: int) -> Floats:
    """Return float64 (size + 1,): entry i is i^exponent, entry 0 is 0."""
    terms = np.concatenate(([0.0], powers(np.arange(1, size + 1), exponent)))
    terms.flags.writeable = False
    return terms


@lru_cache(maxsize=32)
def _prefix_sums(exponent: float, size: int) -> Floats:
    """Return float64 (size + 1,): entry m is Σ_{i ≤ m} i^exponent."""
    terms = _terms(exponent, size)[1:]
    with np.errstate(over="ignore"):
        sums = np.concatenate(([0.0], accurate_cumsum(terms)))
    if not math.isfinite(sums[-1]):
        raise _too_long(size, exponent)
    sums.flags.writeable = False
    return sums


@dataclass(frozen=True)
class PowerLaw:
    """The distributions p(i) ∝ i^exponent over {1..m}, for every m (a `PositionKernel`)."""

    exponent: float
    """−50..50, or ±inf."""

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """Return p(position) among 1..count, to a relative error of 1e-12; 0 outside the range."""
        position, count = np.broadcast_arrays(position, count)
        if self.exponent == math.inf:
            return np.where((position == count) & (count >= 1), 1.0, 0.0)
        if self.exponent == -math.inf:
            return np.where((position == 1) & (count >= 1), 1.0, 0.0)
        if self.exponent == 0:
            # As below, where all terms are 1 and the sums are 1, 2, ..., but without their tables.
            return np.where((position >= 1) & (position <= count), 1.0 / np.maximum(count, 1), 0.0)
        inside = np.where((position >= 1) & (position <= count), position, 0)
        terms: Floats = _terms(float(self.exponent), _table_size(count))[inside]
        return terms / self._sums(count)[np.maximum(count, 1)]

    def cdf(self, position: Ints, count: Ints) -> Floats:
        """Return P(i ≤ position) among 1..count."""
        position, count = np.broadcast_arrays(position, count)
        if self.exponent == math.inf:
            return np.where(position >= count, 1.0, 0.0)
        if self.exponent == -math.inf:
            return np.where(position >= 1, 1.0, 0.0)
        sums = self._sums(count)
        below: Floats = sums[np.clip(position, 0, count)] / sums[count]
        return below

    def quantile(self, level: Floats, count: Ints) -> Ints:
        """Return the position at which the cdf passes `level` ∈ [0, 1), int64 in 1..count.

        Within a total variation of 1e-9 of the pmf for uniform levels and counts up to 10^6: the error is the last bit
        of the level (2^-53 per position) and, for steep negative exponents, the tail below the last bit of the sum.
        """
        if self.exponent == math.inf:
            return np.array(np.broadcast_arrays(level, count)[1], np.int64)
        if self.exponent == -math.inf:
            return np.ones(np.broadcast_shapes(np.shape(level), np.shape(count)), np.int64)
        if self.exponent == 0:
            # The uniform distribution needs no search: its prefix sums are 1, 2, ..., m, so this gives the same
            # positions.
            return np.minimum((level * count).astype(np.int64) + 1, count)
        sums = self._sums(count)
        return np.minimum(np.searchsorted(sums[1:], level * sums[count], side="right") + 1, count)

    def _sums(self, count: Ints) -> Floats:
        """Return the shared table, long enough for `count`."""
        return _prefix_sums(float(self.exponent), _table_size(count))


def _table_size(count: Ints) -> int:
    """Return a size long enough for every count; sizes are powers of two so that few tables are ever built."""
    longest = max(int(np.max(count, initial=1)), _SMALLEST_TABLE)
    return 1 << (longest - 1).bit_length()


def clip_level(level: Floats) -> Floats:
    """Clip levels into [0, 1), for those that rounding has pushed to or past an end."""
    return np.clip(level, 0.0, _JUST_BELOW_ONE)
