"""Builds command-line parameters from the fields of the options dataclasses, so that each is declared once."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

Command = Callable[..., None]


def with_options(**types: type) -> Callable[[Command], Command]:
    """Replace each keyword argument that is an options dataclass by one command-line parameter per field.

    Args:
        types: dataclass by argument name. A field that two of them share becomes one parameter, placed where the last
        one declares it.
    """

    def decorate(command: Command) -> Command:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in types]
        fields: dict[str, tuple[dataclasses.Field[Any], Any]] = {}
        for kind in types.values():
            hints = get_type_hints(kind)
            for field in _as_declared(kind):
                fields.pop(field.name, None)
                fields[field.name] = (field, hints[field.name])
        added = [_parameter(field, hint) for field, hint in fields.values()]

        def run(**given: Any) -> None:
            for name, kind in types.items():
                values = {f.name: given[f.name] for f in _fields(kind)}
                given[name] = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
            for name in fields:
                del given[name]
            command(**given)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *added)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        return run

    return decorate


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _as_declared(kind: type) -> list[dataclasses.Field[Any]]:
    """Return the fields in the order of the help: the class's own first, then those of its bases."""
    names = [name for owner in kind.__mro__ for name in inspect.get_annotations(owner)]
    return sorted(_fields(kind), key=lambda field: names.index(field.name))


def _parameter(field: dataclasses.Field[Any], hint: Any) -> inspect.Parameter:
    flags = field.metadata["flags"]
    default = field.default
    if not flags:
        flag = "--" + field.name.replace("_", "-")
        flags = (f"{flag}/--no-{flag[2:]}",) if hint == bool | None else (flag,)
    if hint == tuple[str, ...]:
        hint, default = list[str], []
    option = typer.Option(
        *flags, help=field.metadata["help"], metavar=field.metadata["metavar"], rich_help_panel=field.metadata["panel"],
        show_default=default not in (None, []) and default is not False,
    )  # fmt: skip
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=default, annotation=Annotated[hint, option])
