"""The shape of JSON that is read back: its keys and the kinds of their values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Shape = Callable[[Any], bool] | dict[str, "Shape"]
"""A predicate on a value; or, for an object, key → shape. A key that ends in `?` is optional."""


def is_count(value: Any) -> bool:
    """Tell whether a value is an integer from 0 to 2^63 − 1."""
    return type(value) is int and 0 <= value < 2**63  # not isinstance: a bool is not a count


def is_text(value: Any) -> bool:
    """Tell whether a value is a text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def misshapen(content: dict[str, Any], shape: dict[str, Shape]) -> str | None:
    """Return the first key (as `a.b`) that is missing or has a value of another kind, else None; ignore other keys."""
    for key, kind in shape.items():
        optional = key.endswith("?")
        name = key.removesuffix("?")
        if name not in content:
            if not optional:
                return name
        elif (isinstance(kind, dict) and not isinstance(content[name], dict)) or not (
            isinstance(kind, dict) or kind(content[name])
        ):
            return name
        elif isinstance(kind, dict) and (inner := misshapen(content[name], kind)):
            return f"{name}.{inner}"
    return None
