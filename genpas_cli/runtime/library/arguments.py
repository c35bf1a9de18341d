"""Checks the argument types of the library's functions, so that a mistake gives one clear UsageError."""

from __future__ import annotations

import builtins
import functools
import inspect
import numbers
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Any,
    BinaryIO,
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
from genpas_cli.runtime.library.keyword_options import keywords_parameter, merged, signature_with
from genpas_cli.runtime.options import Options, plain, shown
from genpas_cli.runtime.progress import Progress

_NEEDED = inspect.Parameter.empty

P = ParamSpec("P")
T = TypeVar("T")


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that checks its arguments by their annotations before it runs.

    Options, texts, paths, choices, integers, booleans, functions and lists of texts or paths are checked; an argument
    whose annotation allows any other type is not. Scalars of NumPy and members of enumerations become plain values.
    Keywords that `function` collects are put into its options objects, see `runtime.library.keyword_options`.

    Raises:
        UsageError: an argument has another type, is not one of the choices, or is an empty list but required; or a
            keyword is not an option.
    """
    signature = inspect.signature(function)
    collector = keywords_parameter(signature)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs)
        keywords = given.arguments.pop(collector, {}) if collector else {}
        for name, kinds in _kinds_of(function).items():
            if name in given.arguments:
                value = given.arguments[name] = plain(given.arguments[name])
                _check(name, value, kinds, is_needed=signature.parameters[name].default is _NEEDED)
        if keywords:
            given.arguments.update(merged(function, given.arguments, keywords, option_types(function)))
        return function(*given.args, **given.kwargs)

    if collector:
        run.__signature__ = signature_with(signature, option_types(function))  # type: ignore[attr-defined]  # read by inspect.signature
    return run


def option_types(function: Callable[..., Any]) -> dict[str, type[Options]]:
    """Return parameter → options class, for the parameters of a function that are options."""
    found = {name: next(filter(_is_options, kinds), None) for name, kinds in _kinds_of(function).items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _check(name: str, value: Any, kinds: Sequence[Any], *, is_needed: bool) -> None:
    """Raise UsageError if the value of an argument has none of these types, or is an empty list but needed."""
    if any(_fits(value, kind) for kind in kinds):
        if isinstance(value, list | tuple) and not value and is_needed:
            raise UsageError(f"{name} is empty; it must be {_alternatives(kinds)}")
        return
    of = next((_alternatives_of(get_args(kind)[0]) for kind in kinds if get_origin(kind) is Sequence), ())
    if of and isinstance(value, list | tuple):
        number, wrong = next((n, each) for n, each in enumerate(value) if not any(_fits(each, kind) for kind in of))
        raise UsageError(f"{name}[{number}] is {shown(wrong)}; it must be {_alternatives(of)}")
    raise UsageError(f"{name} is {shown(value)}; it must be {_alternatives(kinds)}")


class _Names(dict[str, Any]):
    """The names that annotations may use; a name that is imported for type checkers only stands for any type."""

    def __missing__(self, name: str) -> Any:
        return Any


@functools.cache
def _kinds_of(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """Return argument → allowed types, for the arguments that can be checked."""
    own = inspect.unwrap(function)
    alone = SimpleNamespace(__annotations__=own.__annotations__)
    hints = get_type_hints(alone, own.__globals__, _Names(vars(builtins) | own.__globals__))
    kinds = {name: _alternatives_of(hint) for name, hint in hints.items() if name != "return"}
    return {name: found for name, found in kinds.items() if all(map(_word, found))}


def _alternatives_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_options(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Options)


@runtime_checkable
class ArrowStream(Protocol):
    """A table in memory: of pandas, Polars, PyArrow or DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the table as a stream, see the Arrow PyCapsule interface."""
        ...


_WORDS: dict[Any, str] = {
    str: "a string", Path: "a path", int: "a whole number", bool: "True or False", NoneType: "None",
    ArrowStream: "a table", BinaryIO: "a binary file", Progress: "a function",
}  # fmt: skip


def _word(kind: Any) -> str:
    """Return the description of a type for messages; empty for a type that is not checked."""
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if get_origin(kind) is Sequence:
        of = [_word(each) for each in _alternatives_of(get_args(kind)[0])]
        return f"a list of {'paths' if _WORDS[Path] in of else 'texts'}" if all(of) else ""
    if get_origin(kind) is Callable:
        return _WORDS[Progress]
    return f"{kind.__name__}(...)" if _is_options(kind) else _WORDS.get(kind, "")


def _alternatives(kinds: Sequence[Any]) -> str:
    """Return the description of the allowed types of an argument."""
    # A text stands for a path here, so that "a path" alone is enough.
    words = [_word(kind) for kind in kinds if not (kind is str and Path in kinds)]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


_TESTS: dict[Any, Callable[[Any], bool]] = {
    int: lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool),
    Path: lambda value: isinstance(value, os.PathLike),
    BinaryIO: lambda value: hasattr(value, "write"),
    Progress: callable,
}
"""Types whose values are not simply their instances."""


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is Sequence:
        of = _alternatives_of(get_args(kind)[0])
        return isinstance(value, list | tuple) and all(any(_fits(each, one) for one in of) for each in value)
    if get_origin(kind) is Callable:
        return callable(value)
    return _TESTS[kind](value) if kind in _TESTS else isinstance(value, kind)


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
