"""Declares each option once, for the library, the command line and the reference page.

A job's options are a frozen dataclass whose fields carry their help in their metadata. The command line is generated
from these fields (`cli/parameters.py`), so that each default and help text is written once. Values are checked against
the fields' types when an options object is created, so that the library refuses the same values as the command line.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import numbers
import os
from collections.abc import Callable
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.text.nearest import nearest


def option(
    default: Any, text: str, *, flags: tuple[str, ...] = (), metavar: str | None = None, panel: str | None = None
) -> Any:
    """Declare a field of an options dataclass.

    Args:
        default: value when the option is not given.
        text: help text, one or two sentences.
        flags: spellings on the command line; by default `--field-name`, and `--field/--no-field` for booleans.
        metavar: placeholder of the value in the help.
        panel: heading under which the help lists the option.

    Returns:
        A dataclass field.
    """
    return dataclasses.field(
        default=default, metadata={"help": text, "flags": flags, "metavar": metavar, "panel": panel}
    )


def flag_of(name: str) -> str:
    """Return the long flag of a parameter of the command line, such as `--max-input` for `max_input`."""
    return "--" + name.replace("_", "-")


def as_json(options: Any) -> dict[str, Any]:
    """Return field → value, with tuples as lists."""
    return {
        f.name: list(value) if isinstance(value := getattr(options, f.name), tuple) else value
        for f in dataclasses.fields(options)
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Base of the options dataclasses; it checks the types of all values on creation."""

    def __post_init__(self) -> None:
        """Check every value and convert it to its field's type: `pairs=5000` becomes `"5000"`.

        The message uses the option's name in Python: the command line refuses such values before, in `value_of`.

        Raises:
            UsageError: the option does not accept the value.
        """
        own: type = type(self)
        for name, flag, kinds, is_path in _declared(own):
            given = plain(getattr(self, name))
            for kind in kinds:
                with suppress(TypeError, OverflowError):
                    value = _as_kind(given, kind)
                    if is_path and value is not None:
                        check_local(value, flag)
                    object.__setattr__(self, name, value)
                    break
            else:
                takes = _listed([word for kind in kinds for word in _described(kind)])
                raise UsageError(f"{name} is {shown(given)}; it must be {takes}")


def plain(value: Any) -> Any:
    """Return the Python value of a NumPy scalar or of a member of an enumeration; any other value unchanged."""
    if isinstance(value, enum.Enum):
        return value.value
    # By the interface and not by the class, because importing NumPy takes long.
    is_scalar = hasattr(type(value), "item") and getattr(value, "shape", None) == ()
    return value.item() if is_scalar else value


_LONGEST_SHOWN = 60
"""Characters of a list in a message."""


def shown(value: Any) -> str:
    """Return the repr of a scalar or a short list, else the name of the type: a data frame would flood the message."""
    if isinstance(value, str | int | float | NoneType):
        return repr(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str | int | float | NoneType) for each in value):
        text = repr(value)
        if value and len(text) <= _LONGEST_SHOWN:
            return text
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


@functools.cache
def _declared(kind: type) -> list[tuple[str, str, tuple[Any, ...], bool]]:
    """Return (name, flag, accepted types, whether it is a path) of each field of an options dataclass."""
    hints = get_type_hints(kind)
    declared = []
    for field in dataclasses.fields(kind):
        hint, flags = hints[field.name], field.metadata.get("flags")
        flag = flags[-1].partition("/")[0] if flags else flag_of(field.name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        declared.append((field.name, flag, kinds, field.metadata.get("metavar") in PATHS))
    return declared


MOST_WHOLE = 2**63 - 1
"""Largest number of an int64; every number of rows or items that an option takes must fit."""

PATHS = ("DIR", "FILE", "PATH", "STORE")
"""Placeholders of options whose value is a local path."""

_FITTING: dict[Any, tuple[tuple[type, Callable[[Any], Any]], ...]] = {
    int: ((numbers.Integral, int),),
    float: ((numbers.Real, float),),
    str: ((str, str), (os.PathLike, os.fspath), (numbers.Integral, str)),
}
"""Field type → (accepted type, conversion to the field type) pairs."""


def _as_kind(value: Any, kind: Any) -> Any:
    """Return a value converted to the type of a field.

    Raises:
        TypeError: the value does not fit the type.
    """
    if get_origin(kind) is tuple:
        # Only tuples and lists are sequences here: a text is one value, not its letters.
        values = value if isinstance(value, tuple | list) else (value,)
        return tuple(_as_kind(plain(each), get_args(kind)[0]) for each in values)
    if get_origin(kind) is Literal:
        fits = isinstance(value, str) and value in get_args(kind)
    elif kind in _FITTING:
        # bool is a subclass of int, but True is not a number here.
        fitting = () if isinstance(value, bool) else _FITTING[kind]
        convert = next((convert for other, convert in fitting if isinstance(value, other)), None)
        if convert is not None:
            return convert(value)
        fits = False
    else:
        fits = isinstance(value, kind)
    if not fits:
        raise TypeError
    return value


def value_of(text: str, hint: Any, flag: str) -> Any:
    """Return the value that a text of the command line, a configuration file or the environment stands for.

    Args:
        text: as it was written.
        hint: type of the field.
        flag: the option's name in messages.

    Raises:
        UsageError: the text is no value of that type.
    """
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for kind in kinds:
        if kind in _FROM_TEXT:
            with suppress(ValueError):
                return _FROM_TEXT[kind](text)
        elif get_origin(kind) is Literal and text in get_args(kind):
            return text
    words = [word for kind in kinds if kind is not NoneType for word in _described(kind)]
    near = nearest(text.lower(), choices(hint))
    raise UsageError(
        f"{flag} is {text!r}; it must be {_listed(words)}", tip=f"Did you mean {flag} {near}?" if near else None
    )


_FROM_TEXT: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float}


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def choices(hint: Any) -> tuple[str, ...]:
    """Return the values of a type that has a few, such as a `Literal`; none of any other."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(value for kind in kinds if get_origin(kind) is Literal for value in get_args(kind))


def _described(kind: Any) -> list[str]:
    """Return the descriptions of a type's values for messages; for a choice, each of them."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if get_origin(kind) is tuple:
        return [f"a list (each entry {word})" for word in _described(get_args(kind)[0])]
    words = {
        str: ["a string"],
        int: ["a whole number"],
        float: ["a number"],
        bool: ["True", "False"],
        NoneType: ["None"],
    }
    return words.get(kind, [str(kind)])
