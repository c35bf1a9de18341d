"""The shape of JSON that is read back: which keys it has, and of which kind their values are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Shape = Callable[[Any], bool] | dict[str, "Shape"]
"""What tells whether a value is of its kind; or, of an object, the shapes of its values by key. A key that ends in `?`
may be missing."""


def is_count(value: Any) -> bool:
    """Tell whether a value is a number of things."""
    return type(value) is int and 0 <= value < 2**63  # a bool is no count


def is_text(value: Any) -> bool:
    """Tell whether a value is a text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def misshapen(content: dict[str, Any], shape: dict[str, Shape]) -> str | None:
    """Return the first key that is missing, or whose value is of another kind; what no shape names may be anything."""
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
