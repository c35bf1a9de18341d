"""Messages for people, all on stderr: stdout carries only data."""

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
"""Width in columns of a table that does not go to a terminal."""

_quiet = False
_with_bar: Console | None = None
"""The console that shows a progress bar at present, so that messages appear above the bar."""


def set_quiet(*, quiet: bool) -> None:
    """Print only errors from now on."""
    global _quiet  # noqa: PLW0603  # one process, one terminal
    _quiet = quiet


def _visible_console() -> type[Console]:
    """Return a console class that shows control characters visibly, in table cells too."""
    from rich.console import Console

    class Visible(Console):
        shown = staticmethod(visible)

        def render_str(self, text: str, **how: Any) -> Text:
            return super().render_str(self.shown(text), **how)

    return Visible


def stderr() -> Console:
    """Return the console of stderr; rich obeys NO_COLOR and uses colours only on a terminal."""

    class Stderr(_visible_console()):  # type: ignore[misc]  # made when rich is needed
        def on_broken_pipe(self) -> None:
            """Go on silently: by default rich exits, and a finished job would seem to have failed."""
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    # No emoji: `:key:` in a file name must not become a picture.
    return Stderr(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def stdout() -> Console:
    """Return the console of stdout, for tables; lines are not folded when stdout is no terminal.

    With -q it prints nothing. JSON, CSV and pairs do not pass through it, because an option asks for them.
    """

    class Stdout(_visible_console()):  # type: ignore[misc]  # made when rich is needed
        shown = staticmethod(one_line)

        def on_broken_pipe(self) -> None:
            """Let `exit_codes` handle it: a reader that closes the pipe early is no failure, as rich assumes."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else _WIDE
    return Stdout(highlight=False, soft_wrap=True, emoji=False, markup=False, width=width, quiet=_quiet)


def binary_stdout() -> BinaryIO:
    """Return stdout as a binary file; the caller closes it.

    Not `sys.stdout.buffer`: under PYTHONUNBUFFERED its `write` may write only part of the data, which libraries do not
    check.
    """
    return open(sys.stdout.fileno(), "wb", closefd=False)


def table(*headings: str) -> Table:
    """Return an empty table of numbers whose first column names the rows."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return made


def say(text: str) -> None:
    """Print a line to stderr unless -q is given. It may contain rich markup; pass user input through `escaped`."""
    if not _quiet:
        (_with_bar or stderr()).print(text)


def escaped(text: object) -> str:
    """Escape a text, such as a path, so that rich does not read it as markup."""
    from rich.markup import escape

    return escape(one_line(str(text)))


def error(message: str, tip: str | None) -> None:
    """Print an error and how to fix it."""
    # Flush stdout first, or the message appears before the result it refers to.
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
    """Yield a progress callback: a bar on a terminal; elsewhere and with -q it does nothing."""
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
