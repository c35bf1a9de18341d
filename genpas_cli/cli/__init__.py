"""The command line: one thin file a command over the work of its room. Only here are typer and rich imported.

This module imports neither of them, because slow imports must happen where Ctrl-C is already handled.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genpas_cli.cli.process_end import leaving_at_once, outermost

if TYPE_CHECKING:
    import typer

    from genpas_cli.cli.app import app

__all__ = ["COMMANDS", "app", "load", "main", "run"]

COMMANDS = {
    "ingest": "Read, clean, sort and split interaction logs, and write them to one DuckDB file (a store).",
    "augment": "Create input–target pairs from a store or from logs, and write them as Parquet shards.",
    "merge": "Merge the parts written by augment --part into one pairs directory.",
    "head": "Show the first rows of pairs, of a store, or of a log as it would be read.",
    "stats": "Compute the exact distribution of the training pairs of each strategy, and check the data.",
    "tune": "Search for biases (α, β and γ) whose training pairs are most similar to the validation pairs.",
    "export": "Write pairs for another trainer: RecBole, GRID, MiniOneRec, language models, NumPy and more.",
    "semantic-ids": "Make semantic ids (codes) of items from embeddings or from a store, and measure their quality.",
    "decode": "Print the items whose codes a model has generated.",
    "train": "Train a small reference model on the pairs, and evaluate it on the held-out pairs.",
    "compare": "Train the same model on the pairs of several strategies, and compare its accuracy.",
    "verify": "Check a pairs directory against its manifest, and with --store every pair against the store.",
    "doctor": "Check this machine: libraries, extras, Java, GPU, disk, memory and object storage.",
}
"""The commands in the order in which a log passes through them, with the first line of their help."""


_FEW_THREADS = 256
_OBJECTS_A_COLLECTION = 100_000


def run() -> None:
    """Run genpas as a process of its own: the entry of the console script."""
    # Importing makes a hundred thousand objects that stay; looking among them for garbage takes 60 ms.
    gc.set_threshold(_OBJECTS_A_COLLECTION)
    with leaving_at_once():
        main()


def main() -> None:
    """Run genpas; the last thing that it does is to raise SystemExit."""
    _open_standard_streams()
    with outermost():
        _spare_threads()
        application = _application()
        _refuse_secrets()
        if sys.argv[1:2] == ["help"]:
            sys.argv[1:] = [*sys.argv[2:3], "--help"]
        words = sys.argv if "_GENPAS_COMPLETE" not in os.environ else _completed_words()
        named = next((word for word in words[1:] if not word.startswith("-")), None)
        load([named] if named in COMMANDS else [])
        application(prog_name="genpas")


def _completed_words() -> list[str]:
    from genpas_cli.cli.completion import typed_words

    return typed_words()


def _refuse_secrets() -> None:
    """Exit if an argument is a URI that contains a password: typer shows unexpected arguments in its errors."""
    from genpas_cli.cli import console
    from genpas_cli.runtime.errors import redacted
    from genpas_cli.runtime.object_storage.uris import looks_like_uri

    for argument in sys.argv[1:]:
        # In these URIs the part before the @ is a container name, not a secret.
        if argument.startswith(("abfs://", "abfss://")):
            continue
        if looks_like_uri(argument) and (shown := redacted(argument)) != argument:
            console.error(
                f"{shown}: a URI must not contain credentials or settings, because genpas records and prints it",
                "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL in the environment, or use a "
                "profile.",
            )
            sys.exit(2)


def load(names: Iterable[str]) -> None:
    """Register these commands with their options; the others stay names, because building their options takes time."""
    _application()
    for name in names:
        import_module(f"genpas_cli.cli.commands.{name.replace('-', '_')}")


def __getattr__(name: str) -> Any:
    """Import the application on first access."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _application()


def _application() -> typer.Typer:
    from genpas_cli.cli.app import app

    globals()["app"] = app  # importing it has bound the module of the same name here
    return app


def _spare_threads() -> None:
    """Keep OpenBLAS from starting threads where few are allowed: it sends itself a SIGINT when it gets none."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if 0 <= allowed < _FEW_THREADS:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _open_standard_streams() -> None:
    """Give Python the streams that the shell has closed (`>&-`): else the next file opened becomes stdout.

    Characters that the terminal's encoding lacks are shown as escapes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  # for as long as the process lives
        elif mode == "w" and isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
