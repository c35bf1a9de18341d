"""Builds command-line parameters from the fields of the options dataclasses, so that each is declared once.

Typer passes every value through as text, and `genpas_cli.runtime.options.value_of` reads it: so the command line, a
configuration file and the library refuse the same values in the same words.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from genpas_cli.cli import console
from genpas_cli.cli.completion import suggestions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import OWN_MEMORY, parse_memory_limit, show_size
from genpas_cli.runtime.options import choices, flag_of, value_of
from genpas_cli.runtime.text.shell import shell_word

Command = Callable[..., None]


def with_options(**types: type) -> Callable[[Command], Command]:
    """Replace each keyword argument that is an options dataclass by one command-line parameter per field.

    Args:
        types: dataclass by argument name. A field that two of them share becomes one parameter, placed where the last
        one declares it.
    """

    def decorate(command: Command) -> Command:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in types]
        hints = {p.name: hint for p in own if _is_read(hint := get_args(p.annotation)[0])}
        fields: dict[str, tuple[dataclasses.Field[Any], Any]] = {}
        for kind in types.values():
            declared = get_type_hints(kind)
            for field in _as_declared(kind):
                fields.pop(field.name, None)
                fields[field.name] = (field, declared[field.name])
        own_flags = {flag_of(name) for name in fields}
        meant = _meant_by(own_flags, [field for field, _ in fields.values()])
        acted_on = _acted_on(command.__name__)
        added = [*acted_on, *(_parameter(field, hint, own_flags) for field, hint in fields.values())]

        def run(**given: Any) -> None:
            for parameter in acted_on:
                given.pop(parameter.name, None)
            for name, hint in hints.items():
                given[name] = value_of(given[name], hint, flag_of(name))
            values = {name: _value(given.pop(name), hint, flag_of(name), meant) for name, (_, hint) in fields.items()}
            for name, kind in types.items():
                given[name] = kind(**{f.name: values[f.name] for f in _fields(kind) if values[f.name] is not None})
            command(**given)
            if (limit := values.get("memory_limit")) is not None:
                _note_small_limit(limit)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*map(_as_text, own), *added)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        return run

    return decorate


def _note_small_limit(limit: str) -> None:
    if parse_memory_limit(limit) < OWN_MEMORY:
        console.say(
            f"[yellow]note:[/yellow] --memory-limit {console.escaped(limit)} is less than genpas itself uses, "
            f"about {show_size(OWN_MEMORY)}, so it used more than the limit"
        )


def _common(name: str, hint: Any, *, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _acted_on(command: str) -> tuple[inspect.Parameter, ...]:
    """Return the parameters that every command has: `--config` is read first, `command` acts on the rest."""
    config = "Read options from a TOML file; they override those of genpas.toml in the current directory."
    if command == "augment":
        config += (
            " FILE can also be the manifest.json of a pairs directory: augment then uses the options of these pairs."
        )
    return (
        _common("quiet", Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")], default=False),
        _common("config", Annotated[Path | None, typer.Option("--config", metavar="FILE", help=config)], default=None),
        _common(
            "verbose", Annotated[bool, typer.Option("-v", "--verbose", help="Print each stage and the time it took.")],
            default=False,
        ),
    )  # fmt: skip


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _as_declared(kind: type) -> list[dataclasses.Field[Any]]:
    """Return the fields in the order of the help: the class's own first, then those of its bases."""
    names = [name for owner in kind.__mro__ for name in inspect.get_annotations(owner)]
    return sorted(_fields(kind), key=lambda field: names.index(field.name))


def _as_text(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter of a command as one of text, where it is a choice or a number."""
    hint, *rest = get_args(parameter.annotation)
    if not _is_read(hint):
        return parameter
    option = rest[0]
    option.metavar = "|".join(choices(hint)) or option.metavar
    option.show_default, option.autocompletion = str(parameter.default), suggestions(parameter.name, hint)
    return parameter.replace(annotation=Annotated[str, option], default=str(parameter.default))


def _is_read(hint: Any) -> bool:
    """Tell whether `value_of` reads the values of a type, and not typer."""
    return bool(choices(hint)) or hint in (int, float)


def _parameter(field: dataclasses.Field[Any], hint: Any, taken: Collection[str]) -> inspect.Parameter:
    """Return the parameter of a field; a second spelling is left out if it is `taken` by another option's own name."""
    first, *others = field.metadata["flags"] or (_flag(field, hint),)
    flags = (first, *(flag for flag in others if flag not in taken or flag == flag_of(field.name)))
    metavar = field.metadata["metavar"] or "|".join(choices(hint)) or _number(hint)
    default = None if field.default in (None, ()) else str(field.default)
    kind: Any = str | None
    if hint == tuple[str, ...]:
        kind, default = list[str] | None, None
    elif hint in (bool, bool | None):
        kind, default = bool | None, flag_of(field.name) if field.default else None
    option = typer.Option(
        *flags, help=field.metadata["help"], metavar=metavar, rich_help_panel=field.metadata["panel"],
        show_default=default or False,
        autocompletion=suggestions(field.name, hint),
    )  # fmt: skip
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


def _number(hint: Any) -> str | None:
    return "N" if int in (hint, *get_args(hint)) else "X" if float in (hint, *get_args(hint)) else None


def _flag(field: dataclasses.Field[Any], hint: Any) -> str:
    flag = flag_of(field.name)
    return f"{flag}/--no-{flag[2:]}" if hint == bool | None else flag


def _meant_by(own_flags: Collection[str], fields: Iterable[dataclasses.Field[Any]]) -> dict[str, str]:
    """Return the flags that are also the second spelling of another option: flag → the other option's first flag."""
    return {
        flag: field.metadata["flags"][0]
        for field in fields for flag in field.metadata["flags"][1:]
        if flag in own_flags and flag != flag_of(field.name)
    }  # fmt: skip


def _value(given: Any, hint: Any, flag: str, meant: Mapping[str, str]) -> Any:
    """Return what was given as the field holds it; None where nothing was given."""
    if isinstance(given, list):
        return tuple(given) or None
    if not isinstance(given, str):
        return given
    try:
        return value_of(given, hint, flag)
    except UsageError as error:
        if (other := meant.get(flag)) is None:
            raise
        raise UsageError(error.message, tip=f"Did you mean: {other} {shell_word(given)}") from error
