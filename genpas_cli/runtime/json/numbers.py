"""Numbers in JSON, which has no infinity and no NaN: genpas writes "inf" and "-inf", and null for NaN."""

from __future__ import annotations

import math
from typing import Any, overload


@overload
def number_as_json(value: float) -> float | str: ...


@overload
def number_as_json(value: None) -> None: ...


@overload
def number_as_json(value: float | None) -> float | str | None: ...


def number_as_json(value: float | None) -> float | str | None:
    """Return a number as genpas writes it in JSON: infinities as "inf" and "-inf"."""
    if value is None or not math.isinf(value):
        return value
    return "inf" if value > 0 else "-inf"


def value_as_json(value: float) -> float | str | None:
    """Return a measured or logged number as genpas writes it in JSON: as `number_as_json`, and NaN as None."""
    return None if math.isnan(value) else number_as_json(value)


def numbers_as_json(value: Any) -> Any:
    """Return a JSON value with all numbers in it as `value_as_json` returns them; tuples become lists."""
    if isinstance(value, dict):
        return {key: numbers_as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [numbers_as_json(each) for each in value]
    return value_as_json(value) if isinstance(value, float) else value
