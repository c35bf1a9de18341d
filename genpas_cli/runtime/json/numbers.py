"""Numbers in JSON, which has no infinity: genpas writes infinite numbers as "inf" and "-inf"."""

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


def numbers_as_json(value: Any) -> Any:
    """Return a JSON value with all numbers in it as `number_as_json` returns them; tuples become lists."""
    if isinstance(value, dict):
        return {key: numbers_as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [numbers_as_json(each) for each in value]
    return number_as_json(value) if isinstance(value, float) else value
