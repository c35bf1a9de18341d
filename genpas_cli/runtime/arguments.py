"""The arguments of the library's functions are checked by their types, so that a mistake is one sentence."""

from __future__ import annotations

import functools
import inspect
import numbers
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.options import Options

_NEEDED = inspect.Parameter.empty

P = ParamSpec("P")
T = TypeVar("T")


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that checks its arguments by their annotations before it runs.

    Options, paths, choices, whole numbers and booleans are checked; an argument that may be something else is not.

    Raises:
        UsageError: an argument of another type, or a choice that is none.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(*args, **kwargs)
        for name, kinds in _kinds_of(function).items():
            if name in given.arguments:
                value = given.arguments[name]
                if not any(_fits(value, kind) for kind in kinds):
                    raise UsageError(f"{name} is {_shown(value)}; it takes {_alternatives(kinds)}")
                if isinstance(value, list | tuple) and not value and signature.parameters[name].default is _NEEDED:
                    raise UsageError(f"{name} is empty; it takes {_alternatives(kinds)}")
        return function(*args, **kwargs)

    return run


@functools.cache
def _kinds_of(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """Return the types of each argument that can be checked."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, hint in function.__annotations__.items():
        alone = SimpleNamespace(__annotations__={name: hint})
        with suppress(NameError):  # a type that is imported for type checkers alone
            kinds = _alternatives_of(get_type_hints(alone, inspect.unwrap(function).__globals__)[name])
            if name != "return" and all(map(_word, kinds)):
                found[name] = kinds
    return found


def _alternatives_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


_WORDS: dict[Any, str] = {str: "a text", Path: "a path", int: "a whole number", bool: "True or False", NoneType: "None"}


def _word(kind: Any) -> str:
    """Return what a type takes, in words; nothing where it is not checked."""
    if kind in _WORDS:
        return _WORDS[kind]
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if get_origin(kind) is Sequence:
        of = [_word(each) for each in _alternatives_of(get_args(kind)[0])]
        return f"a list of {'paths' if _WORDS[Path] in of else 'texts'}" if all(of) else ""
    if isinstance(kind, type) and issubclass(kind, Options):
        return f"{kind.__name__}(...)"
    return ""


def _alternatives(kinds: Sequence[Any]) -> str:
    """Return what an argument takes, in words."""
    # A path may be given as a text: saying so once is enough.
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
    """Return a value where it is short, else its type: nobody reads a data frame in a message."""
    if isinstance(value, str | int | float | NoneType):
        return repr(value)
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


Sources = str | Path | Sequence[str | Path]
"""What the library takes for SOURCE: one path or several."""


def source_names(sources: Sources) -> list[str]:
    """Return the sources as a list of texts.

    Raises:
        UsageError: there is none.
    """
    names = [str(source) for source in ([sources] if isinstance(sources, str | os.PathLike) else sources)]
    if not names:
        raise UsageError("no source is given; name a store or the log's files")
    return names
