"""Messages for people, all on stderr: stdout carries only data."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from genpas_cli.runtime.json.numbers import numbers_as_json
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.visible import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDE = 400
"""Width in columns of a table that does not go to a terminal."""

_quiet = _verbose = False
_with_bar: Console | None = None
"""The console that shows a progress bar at present, so that messages appear above the bar."""


def set_loudness(*, quiet: bool, verbose: bool) -> None:
    """Print only errors from now on, or also each stage of a job and its time."""
    global _quiet, _verbose  # one process, one terminal
    _quiet, _verbose = quiet, verbose and not quiet


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


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of numbers on stdout; the first column names the rows.

    A number is never cut. Where the terminal is too narrow for all columns, they are printed in several blocks, each
    with the names of the rows; names and headings that do not fit are folded.
    """
    from rich import box
    from rich.table import Table

    out = stdout()
    room = out.width - _EDGES
    cells = list(zip(*rows, strict=True)) if rows else [() for _ in headings]
    numbers = [max(map(cell_width, column), default=1) for column in cells]
    names = max(min(max(numbers[0], cell_width(headings[0])), room - max(numbers[1:]) - _GAP), 1)
    widths = [max(number, min(cell_width(heading), room - names - _GAP))
              for number, heading in zip(numbers, headings, strict=True)]  # fmt: skip
    for block in _blocks(widths[1:], room - names):
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        made.add_column(headings[0], width=names, overflow="fold")
        for column in block:
            made.add_column(headings[column], width=widths[column], justify="right", overflow="fold")
        for row in rows:
            made.add_row(row[0], *(row[column] for column in block))
        out.print(made)


_GAP, _EDGES = 3, 2
"""Width of what stands between two columns of a table, and at its edges."""


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return the numbers of columns, from 1, in blocks that fit into a width; each has one at least."""
    blocks: list[list[int]] = [[]]
    taken = 0
    for number, width in enumerate(widths, 1):
        if blocks[-1] and taken + width + _GAP > room:
            blocks.append([])
            taken = 0
        blocks[-1].append(number)
        taken += width + _GAP
    return blocks


def cell_width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


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


JSON_SCHEMA = 1
"""Version of the schemas of all reports: the next one is due when a key goes, or changes its type or its meaning."""


def print_json(report: Mapping[str, Any]) -> None:
    """Print a report as one JSON object on stdout, with the version of genpas and of the schema as its first key."""
    from importlib.metadata import version  # takes 10 ms, which `genpas -h` does not need

    made_by = {"version": version("genpas"), "schema": JSON_SCHEMA}
    sys.stdout.write(json.dumps({"genpas": made_by} | numbers_as_json(dict(report)), indent=2) + "\n")


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield a progress callback: a bar on a terminal; elsewhere and with -q it does nothing."""
    if _quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        with _timed(silent) as tell:
            yield tell
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
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("elapsed"),
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

        with _timed(tell) as timed:
            yield timed


@contextmanager
def _timed(tell: Progress) -> Iterator[Progress]:
    """Yield a progress callback that, with -v, also prints each stage and its time when it ends."""
    if not _verbose:
        yield tell
        return
    begun, current = time.monotonic(), ""

    def end() -> None:
        if current:
            say(f"{time.monotonic() - begun:8.2f} s  {escaped(current)}")

    def timed(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        nonlocal begun, current
        if stage != current:
            end()
            begun, current = time.monotonic(), stage
        tell(stage, done, total, note)

    try:
        yield timed
    finally:
        end()


@contextmanager
def _said_above(console: Console) -> Iterator[None]:
    global _with_bar  # noqa: PLW0603  # one process, one terminal
    _with_bar = console
    try:
        yield
    finally:
        _with_bar = None
