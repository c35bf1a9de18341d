"""How an option is declared once, for the library, the command line and the reference page.

A job's options are a frozen dataclass; each field carries its help in its metadata. The command line is
generated from these fields (`cli/parameters.py`), so a default or a sentence stands in one place.
"""

from __future__ import annotations

import dataclasses
from typing import Any


def option(
    default: Any, text: str, *, flags: tuple[str, ...] = (), metavar: str | None = None, panel: str | None = None
) -> Any:
    """Declare a field of an options dataclass.

    Args:
        default: value when the option is not given.
        text: its help, one or two sentences.
        flags: spellings on the command line; by default `--field-name`, and `--field/--no-field` for booleans.
        metavar: what stands for the value in the help.
        panel: heading under which the help lists it.

    Returns:
        A dataclass field.
    """
    return dataclasses.field(
        default=default, metadata={"help": text, "flags": flags, "metavar": metavar, "panel": panel}
    )


def as_json(options: Any) -> dict[str, Any]:
    """Return every field by name, tuples as lists."""
    return {
        f.name: list(value) if isinstance(value := getattr(options, f.name), tuple) else value
        for f in dataclasses.fields(options)
    }
