"""The tip that long jobs print when they are stopped: how to resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from genpas_cli.cli import console

Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run with the same output and options.")]


@contextmanager
def told_to_resume() -> Iterator[None]:
    """On an interrupt, tell the user how to resume the job."""
    try:
        yield
    except KeyboardInterrupt:
        console.say("interrupted; finished work is kept. To continue, run the same command with [bold]--resume[/bold]")
        raise
