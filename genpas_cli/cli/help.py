"""The help of the commands: `-h` on one screen, `--help` with every option."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from genpas_cli.cli.exit_codes import MEANINGS

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDEST = 100
"""Columns beyond which lines are hard to read."""

examples_of: dict[str, tuple[str, ...]] = {}
"""Example shell lines by command: shown in the help and the reference page, and run by a test."""


def usage(context: Any) -> str:
    """Return the line that shows how to call the command of a context."""
    command = context.command
    words = ["[OPTIONS]", "COMMAND"] if hasattr(command, "commands") else [
        "[OPTIONS]", *(argument_of(each) for each in command.params if is_argument(each)),
    ]  # fmt: skip
    return " ".join([context.command_path, *words])


def help_of(context: Any, *, short: bool) -> str:
    """Return the help of the command of a context, for stdout.

    Args:
        context: of the command, from typer.
        short: leave out what the less usual options do.
    """
    from rich.console import Console

    width = min(shutil.get_terminal_size().columns, _WIDEST)
    terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    out = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system="standard" if terminal else None,
        highlight=False, emoji=False,
    )  # fmt: skip
    for part in _parts(context, short=short):
        if isinstance(part, str):  # as it is, at any width: it is to be copied
            out.file.write(f"{part}\n")
        else:
            out.print(part)
    text: str = out.file.getvalue()  # type: ignore[attr-defined]  # a StringIO, as above
    return "\n".join(line.rstrip() for line in text.splitlines())


def _parts(context: Any, *, short: bool) -> Iterator[RenderableType]:
    command = context.command
    summary, _, more = (command.help or "").partition("\n\n")
    yield _text(f"Usage: {usage(context)}\n\n{_joined(summary)}")
    if more and not short:
        yield _text(f"\n{_joined(more)}")
    for heading, rows in _panels(command, context, short=short):
        yield _heading(heading)
        yield _columns(rows)
    panels = _named(command)
    if short and panels:
        yield _heading("More options")
        yield _columns(panels)
    if examples := examples_of.get(command.name or ""):
        yield _heading("Examples")
        yield from (f"  {line}" for line in examples[: _FEW if short else None])
    if short and panels:
        yield _text(f"\nAll options: {context.command_path} --help")
    elif hasattr(command, "commands"):
        yield _text("\nTo start: genpas augment logs.parquet. Help for a command: genpas help COMMAND")
        if short:
            yield _text("Exit codes: genpas --help")
    if not short:
        yield _heading("Exit codes")
        yield _columns([(str(code.value), meaning) for code, meaning in MEANINGS.items()])


def _panels(command: Any, context: Any, *, short: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each panel of the help with its rows: what to write, and what it means."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for each in command.get_params(context):
        panel = "Arguments" if is_argument(each) else each.rich_help_panel or "Options"
        if not (short and panel not in ("Arguments", "Options")):
            panels.setdefault(panel, []).append((_written(each), _meaning(each, short=short)))
    yield from panels.items()
    if commands := getattr(command, "commands", None):
        yield "Commands", [(name, _joined((each.help or "").split("\n\n")[0])) for name, each in commands.items()]


def _named(command: Any) -> list[tuple[str, str]]:
    """Return the headings of the less usual options, with their names."""
    panels: dict[str, list[str]] = {}
    for each in command.params:
        if not is_argument(each) and each.rich_help_panel:
            panels.setdefault(each.rich_help_panel, []).append(max(each.opts, key=len))
    return [(heading, " ".join(names)) for heading, names in panels.items()]


def is_argument(parameter: Any) -> bool:
    """Tell whether a parameter of the command line is an argument, not an option."""
    return not parameter.opts[0].startswith("-")


def argument_of(parameter: Any) -> str:
    """Return an argument as the usage shows it: `SOURCE...` if it may be repeated."""
    return f"{parameter.metavar}{'...' if parameter.nargs == -1 else ''}"


def _written(parameter: Any) -> str:
    if is_argument(parameter):
        return argument_of(parameter)
    flags = ", ".join(shown_flags(parameter))
    return flags if parameter.is_flag else f"{flags} {parameter.metavar or 'TEXT'}"


def shown_flags(parameter: Any) -> list[str]:
    """Return the flags of an option that help shows: short ones, and the first long one; others are old spellings."""
    short = [flag for flag in parameter.opts if not flag.startswith("--")]
    long = [flag for flag in parameter.opts if flag.startswith("--")]
    return [*short, *long[:1], *parameter.secondary_opts]


_HELP = "Print the main options (-h) or all options (--help)."


def _meaning(parameter: Any, *, short: bool) -> str:
    sentences, *points = (_HELP if parameter.name == "help" else parameter.help or "").split("\n- ")
    text = _joined(sentences)
    if short:
        first, dot, more = text.partition(". ")
        usual = next((f" {each}" for each in more.split(". ") if each.startswith("Default:")), "")
        return f"{first}.{usual}" if dot else text
    default = parameter.show_default if isinstance(parameter.show_default, str) else None
    text += f" (default: {default})" if default else ""
    return "\n".join([text, *map(_joined, points)])


def _joined(text: str) -> str:
    return " ".join(text.split())


def _text(text: str) -> RenderableType:
    from rich.text import Text

    return Text(text)


def _heading(text: str) -> RenderableType:
    from rich.text import Text

    return Text(f"\n{text}:", style="bold")


def _columns(rows: Sequence[tuple[str, str]]) -> RenderableType:
    """Return rows of what to write and what it means, aligned; a long first column has a line of its own."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    widest = max((len(left) for left, _ in rows if len(left) <= _LEFT), default=0)
    shown: list[RenderableType] = []
    for left, right in rows:
        if len(left) > _LEFT:
            shown += [Text(f"  {left}", style="bold"), Padding(_described(right), (0, 0, 0, widest + 4))]
            continue
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=widest + 2, no_wrap=True)
        row.add_column()
        row.add_row(Text(f"  {left}", style="bold"), _described(right))
        shown.append(row)
    return Group(*shown)


def _described(meaning: str) -> RenderableType:
    """Return a meaning with its points, which are further lines, indented."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    text, *points = meaning.split("\n")
    return Group(Text(text), *(Padding(Text(point), (0, 0, 0, 2)) for point in points))


_LEFT = 26
"""Characters of the first column at most."""

_FEW = 2
"""Examples of the short help."""
