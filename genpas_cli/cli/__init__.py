"""The command line: one thin file a command over `jobs/`. Only here are typer and rich imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from genpas_cli.cli.app import app
from genpas_cli.cli.exit_codes import outermost

__all__ = ["COMMANDS", "app", "load", "main"]

COMMANDS = {
    "ingest": "Read logs, clean, order, number and split them; write one DuckDB file.",
    "augment": "Cut input–target pairs from a store or from logs; write them as Parquet shards.",
    "stats": "Show what cutting rules do to the training pairs, exactly, and how healthy the data is.",
    "tune": "Search α, β and γ by how near the training pairs come to the validation pairs; nothing is trained.",
    "verify": "Check shards against their manifest: digests, counts, schema, numbers; with the store, every pair.",
}
"""The commands, in the order of a log's way, with the first line of their help."""


def main() -> None:
    """Run genpas; the console script's entry."""
    _open_standard_streams()
    with outermost():
        _leave_out_unused()
        named = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
        load(COMMANDS if "_GENPAS_COMPLETE" in os.environ else [named] if named in COMMANDS else [])
        app(prog_name="genpas")


def load(names: Iterable[str]) -> None:
    """Give these commands their options and their work; the others stay a name, as each has dozens to build."""
    for name in names:
        import_module(f"genpas_cli.cli.{name}")


def _not_loaded() -> None:
    raise AssertionError("main() loads the command that is named")


for _name, _summary in COMMANDS.items():
    app.command(_name, help=_summary)(_not_loaded)  # the module of that name registers again, and takes its place


def _leave_out_unused() -> None:
    """Give typer empty modules for two that it imports and we have switched off: a third of every --help's time.

    They print help written in Markdown (ours is in Rich's markup) and tracebacks with source (ours are plain).
    """
    for name, attribute in (("rich.markdown", "Markdown"), ("rich.traceback", "Traceback")):
        unused = ModuleType(name)
        setattr(unused, attribute, None)
        sys.modules.setdefault(name, unused)


def _open_standard_streams() -> None:
    """Give Python the streams that the shell has closed (`>&-`): else the next file opened becomes stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  # for as long as the process lives
