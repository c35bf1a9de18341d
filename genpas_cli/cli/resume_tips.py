"""Jobs that take so long that they can be stopped and go on."""

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
    """Tell whoever stops such a job how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        console.say("stopped; what is done is kept. Go on with the same command and [bold]--resume[/bold]")
        raise
