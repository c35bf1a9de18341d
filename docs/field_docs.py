"""The texts that the code has about the fields of its classes."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from typing import Any


def field_docs(kind: type) -> dict[str, str]:
    """Return the text about each field of a dataclass or TypedDict, inherited fields included.

    It is the string below the field, or the meaning of a figure. Fields without a text are missing.
    """
    found: dict[str, str] = {}
    for owner in _owners(kind):
        found |= _strings_below_fields(owner)
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if figure := field.metadata.get("figure"):
            found[field.name] = figure.meaning
    return found


def _owners(kind: Any) -> Iterator[type]:
    """Yield the classes that declare fields of a class, base classes first; a TypedDict has none in its `__mro__`."""
    for base in getattr(kind, "__orig_bases__", ()) if dict in kind.__mro__ else reversed(kind.__mro__[1:-1]):
        yield from _owners(base) if isinstance(base, type) and dict in base.__mro__ else (base,)
    yield kind


def _strings_below_fields(kind: Any) -> dict[str, str]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):  # made by a call, not by a class statement
        return {}
    found = {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for node, after in itertools.pairwise(body):
        is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and is_text:
            found[node.target.id] = inspect.cleandoc(str(after.value.value))  # type: ignore[attr-defined]
    return found
