"""Times of interactions as ISO 8601 texts, whatever the type of the kept column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.times.units import UNITS

_FORMAT = "%Y-%m-%dT%H:%M:%S"


def iso_times(values: pa.Array, column: str) -> pa.Array:
    """Return times as `2023-11-14T22:13:20`, truncated to seconds; with `Z` if they are known to be UTC.

    Args:
        values: timestamps, dates, texts (returned as they are), or numbers since 1970, whose unit is known by their
            size; nulls stay nulls.
        column: name of the kept column, for messages.

    Raises:
        DataError: a number is not a time since 1970.
    """
    kind = values.type
    if pa.types.is_timestamp(kind):
        whole = pc.floor_temporal(values.cast(pa.timestamp(kind.unit, kind.tz and "UTC")), unit="second")
        return pc.strftime(whole.cast(pa.timestamp("s", kind.tz and "UTC")), _FORMAT + ("Z" if kind.tz else ""))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.strftime(pa.array(_seconds(values, column), pa.timestamp("s"), mask=_nulls(values)), _FORMAT + "Z")
    return values


def _seconds(values: pa.Array, column: str) -> np.ndarray:
    """Return numbers since 1970 in seconds; 0 for nulls."""
    numbers = values.cast(pa.float64(), safe=False).fill_null(UNITS[0].first).to_numpy()
    # Whole numbers are divided as such: nanoseconds do not fit a float.
    exact = values.fill_null(0).to_numpy() if pa.types.is_integer(values.type) else numbers
    found = np.full(len(numbers), -1, np.int64)
    for unit in UNITS:
        here = (unit.first <= numbers) & (numbers <= unit.last)
        found[here] = exact[here] // unit.a_second
    if (found < 0).any():
        wrong = values[int(np.flatnonzero(found < 0)[0])].as_py()
        raise DataError(
            f"the kept column {column!r} has values that are not times since 1970, such as {wrong}",
            tip=f"Write them as they are: {{target_{column}}} instead of {{time}}.",
        )
    return found


def _nulls(values: pa.Array) -> np.ndarray:
    return values.is_null().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
