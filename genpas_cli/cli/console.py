"""What is said to a person, all of it on stderr: stdout carries data only."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.visible import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_WIDE = 400
"""Columns of a table that is no terminal's."""

_quiet = False
_with_bar: Console | None = None
"""The console that a progress bar is on at present: what is said goes above the bar, and not into it."""


def set_quiet(*, quiet: bool) -> None:
    """Say nothing but errors from now on."""
    global _quiet  # noqa: PLW0603  # one process, one terminal
    _quiet = quiet


def _visible_console() -> type[Console]:
    """Return the class of consoles that make visible whatever is printed on them, cells of tables included."""
    from rich.console import Console

    class Visible(Console):
        shown = staticmethod(visible)

        def render_str(self, text: str, **how: Any) -> Text:
            return super().render_str(self.shown(text), **how)

    return Visible


def stderr() -> Console:
    """Return the console of stderr; rich itself obeys NO_COLOR and leaves colours out where no terminal is."""

    class Stderr(_visible_console()):  # type: ignore[misc]  # made when rich is needed
        def on_broken_pipe(self) -> None:
            """Go on in silence; by default rich ends the program, and a job that is done would seem to have failed."""
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    # No emoji: in a file name, `:key:` is no picture.
    return Stderr(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def stdout() -> Console:
    """Return the console of stdout, for tables; where no terminal is, lines are as long as they need to be.

    With -q it prints nothing: JSON, CSV and pairs, which are asked for by an option, do not pass through it.
    """

    class Stdout(_visible_console()):  # type: ignore[misc]  # made when rich is needed
        shown = staticmethod(one_line)

        def on_broken_pipe(self) -> None:
            """Leave it to `exit_codes`: a reader that has read enough is no failure, as rich has it."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else _WIDE
    return Stdout(highlight=False, soft_wrap=True, emoji=False, markup=False, width=width, quiet=_quiet)


def binary_stdout() -> BinaryIO:
    """Return stdout for bytes, to be closed when all is written.

    Not `sys.stdout.buffer`: with PYTHONUNBUFFERED set it may write a part only, which not everybody looks at.
    """
    return open(sys.stdout.fileno(), "wb", closefd=False)


def table(*headings: str) -> Table:
    """Return a table of numbers: the first column names the rows."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return made


def say(text: str) -> None:
    """Print a line to a person, unless -q; rich markup is understood (`escaped` for what comes from outside)."""
    if not _quiet:
        (_with_bar or stderr()).print(text)


def escaped(text: object) -> str:
    """Return a text such as a path without meaning as rich markup."""
    from rich.markup import escape

    return escape(one_line(str(text)))


def error(message: str, tip: str | None) -> None:
    """Print what went wrong and what to do."""
    # Flush stdout first, else the message overtakes the result that it speaks of.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    console = stderr()
    console.print("[bold red]error:[/bold red]", end=" ")
    console.print(one_line(message), markup=False)
    if tip:
        console.print(one_line(tip), markup=False)


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


@contextmanager
def progress() -> Iterator[Progress]:
    """Give a job something to tell its progress to: a bar on a terminal, nothing elsewhere or with -q."""
    if _quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield silent
        return
    from rich.progress import (
        BarColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Bars(*columns, console=stderr(), transient=True) as bars, _said_above(bars.console):
        task, current, told = bars.add_task("starting", total=None, note=""), "", 0.0

        def tell(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
            nonlocal current, told
            if stage != current:
                bars.reset(task, description=escaped(stage), total=total or None)
                current = stage
            elif time.monotonic() - told < 0.05:  # noqa: PLR2004  # a terminal shows no more
                return
            told = time.monotonic()
            bars.update(task, completed=done, total=total or None, note=escaped(note))

        yield tell


@contextmanager
def _said_above(console: Console) -> Iterator[None]:
    global _with_bar  # noqa: PLW0603  # one process, one terminal
    _with_bar = console
    try:
        yield
    finally:
        _with_bar = None
