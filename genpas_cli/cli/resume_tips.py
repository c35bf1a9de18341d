"""The tip that long jobs print when they are stopped: how to resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from genpas_cli.cli import console

Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where a run with the same output and options was stopped.")
]


@contextmanager
def told_to_resume() -> Iterator[None]:
    """On an interrupt, tell the user how to resume the job."""
    try:
        yield
    except KeyboardInterrupt:
        console.say("stopped; what is done is kept. Go on with the same command and [bold]--resume[/bold]")
        raise
