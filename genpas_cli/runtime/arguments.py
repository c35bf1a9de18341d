"""Checks the argument types of the library's functions, so that a mistake gives one clear UsageError."""

from __future__ import annotations

import functools
import inspect
import numbers
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)  # fmt: skip

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.options import Options

_NEEDED = inspect.Parameter.empty

P = ParamSpec("P")
T = TypeVar("T")


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that checks its arguments by their annotations before it runs.

    Options, texts, paths, choices, integers, booleans and lists of texts or paths are checked; an argument whose
    annotation allows any other type is not.

    Raises:
        UsageError: an argument has another type, is not one of the choices, or is an empty list but required.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs)
        for name, kinds in _kinds_of(function).items():
            if name in given.arguments:
                value = given.arguments[name]
                if not any(_fits(value, kind) for kind in kinds):
                    raise UsageError(f"{name} is {_shown(value)}; it must be {_alternatives(kinds)}")
                if isinstance(value, list | tuple) and not value and signature.parameters[name].default is _NEEDED:
                    raise UsageError(f"{name} is empty; it must be {_alternatives(kinds)}")
        return function(*args, **kwargs)

    return run


@functools.cache
def _kinds_of(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """Return argument → allowed types, for the arguments that can be checked."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, hint in function.__annotations__.items():
        alone = SimpleNamespace(__annotations__={name: hint})
        with suppress(NameError):  # a type that is imported for type checkers only
            kinds = _alternatives_of(get_type_hints(alone, inspect.unwrap(function).__globals__)[name])
            if name != "return" and all(map(_word, kinds)):
                found[name] = kinds
    return found


def _alternatives_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


_WORDS: dict[Any, str] = {str: "a text", Path: "a path", int: "a whole number", bool: "True or False", NoneType: "None"}


def _word(kind: Any) -> str:
    """Return the description of a type for messages; empty for a type that is not checked."""
    if kind in _WORDS:
        return _WORDS[kind]
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if get_origin(kind) is Sequence:
        of = [_word(each) for each in _alternatives_of(get_args(kind)[0])]
        return f"a list of {'paths' if _WORDS[Path] in of else 'texts'}" if all(of) else ""
    if kind is ArrowStream:
        return "a table"
    if isinstance(kind, type) and issubclass(kind, Options):
        return f"{kind.__name__}(...)"
    return ""


def _alternatives(kinds: Sequence[Any]) -> str:
    """Return the description of the allowed types of an argument."""
    # A text stands for a path here, so that "a path" alone is enough.
    words = [_word(kind) for kind in kinds if not (kind is str and Path in kinds)]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is Sequence:
        of = _alternatives_of(get_args(kind)[0])
        return isinstance(value, list | tuple) and all(any(_fits(each, one) for one in of) for each in value)
    if kind is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if kind is Path:
        return isinstance(value, os.PathLike)
    return isinstance(value, kind)


def _shown(value: Any) -> str:
    """Return a scalar's repr, else the name of the type: a data frame would flood the message."""
    if isinstance(value, str | int | float | NoneType):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


@runtime_checkable
class ArrowStream(Protocol):
    """A table in memory: of pandas, Polars, PyArrow or DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the table as a stream, see the Arrow PyCapsule interface."""
        ...


class TableSource(str):
    """The name of a table in memory, which stands for the table among the names of files."""

    __slots__ = ("table",)
    table: ArrowStream

    def __new__(cls, table: ArrowStream) -> Self:
        """Name the table by its type, such as `<DataFrame>`."""
        made = super().__new__(cls, f"<{type(table).__name__}>")
        made.table = table
        return made


Sources = str | Path | ArrowStream | Sequence[str | Path]
"""The SOURCE argument of the library's functions: one path or several, or a table in memory."""


def source_names(sources: Sources) -> list[str]:
    """Return the sources as a list of texts.

    Raises:
        UsageError: there is no source.
    """
    if isinstance(sources, ArrowStream):
        return [TableSource(sources)]
    given = [sources] if isinstance(sources, str | os.PathLike) else sources
    names = [source if isinstance(source, TableSource) else str(source) for source in given]
    if not names:
        raise UsageError("no source is given; name a store or the files of a log")
    return names
