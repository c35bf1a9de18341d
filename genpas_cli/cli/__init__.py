"""The command line: one thin file a command over `jobs/`. Only here are typer and rich imported."""

from __future__ import annotations

import os
import sys

from genpas_cli.cli.app import app
from genpas_cli.cli.exit_codes import outermost

__all__ = ["app", "main"]


def main() -> None:
    """Run genpas; the console script's entry."""
    _open_standard_streams()
    with outermost():
        from genpas_cli.cli import ingest, augment, verify  # noqa: F401, I001  # each registers its command, in this order

        app(prog_name="genpas")


def _open_standard_streams() -> None:
    """Give Python the streams that the shell has closed (`>&-`): else the next file opened becomes stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  # for as long as the process lives
