"""What the shell suggests for the values of options."""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from genpas_cli.runtime.options import choices

Suggest = Callable[[Any, str], list[str]]
"""(context, beginning of the word) → what it may become; typer knows its arguments by their names."""

_COLUMNS = ("user", "item", "time", "rating", "keep")
"""Options that take a column of the log."""
_SPLITS = ("leave-one-out", "leave-n-out:2", "time:0.8,0.9", "time:0.9", "users:0.1", "none")


def suggestions(name: str, hint: Any) -> Suggest | None:
    """Return what completes the value of an option; None where there is nothing to suggest but files.

    Args:
        name: of the option's field.
        hint: type of the field.
    """
    if name in _COLUMNS:
        return _complete_column
    known = _KNOWN.get(name)
    values = known() if known is not None else choices(hint)

    def complete(ctx: Any, incomplete: str) -> list[str]:
        del ctx
        return _beginning(values, incomplete)

    return complete if values else None


def _complete_column(ctx: Any, incomplete: str) -> list[str]:
    del ctx  # typer gives no arguments while the command line is unfinished
    return _beginning(_columns(typed_words()), incomplete)


def typed_words() -> list[str]:
    """Return the words of the command line that a shell completes."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    try:
        return shlex.split(line)
    except ValueError:  # a quote is still open
        return line.split()


def _strategies() -> list[str]:
    from genpas_cli.sampling.rules import USAGES

    return list(USAGES.values())


def _formats() -> list[str]:
    from genpas_cli.export.formats import FORMATS, OF_STORES

    return [*FORMATS, *OF_STORES]


_KNOWN: dict[str, Callable[[], list[str]]] = {
    "strategy": _strategies, "to": _formats, "split": lambda: list(_SPLITS),
    "pairs": lambda: ["1x", "2x", "all"], "max_input": lambda: ["50", "none"],
}  # fmt: skip
"""Options whose values are texts, of which some are usual."""


def _beginning(values: Iterable[str], word: str) -> list[str]:
    return [value for value in values if value.startswith(word)]


def _columns(words: Sequence[str]) -> list[str]:
    """Return the columns of the first log on the command line; none where that cannot be told at once."""
    path = next((Path(word) for word in words[2:] if not word.startswith("-") and Path(word).is_file()), None)
    if path is None:
        return []
    try:
        return _of_parquet(path) if path.suffix == ".parquet" else _of_text(path)
    except (OSError, ValueError, csv.Error):
        return []


def _of_parquet(path: Path) -> list[str]:
    import duckdb  # it takes half the time of importing PyArrow

    from genpas_cli.runtime.sql.quoting import literal

    with duckdb.connect(config={"threads": "1"}) as con:
        try:
            return list(con.sql(f"from read_parquet({literal(str(path))})").columns)
        except duckdb.Error:
            return []


def _of_text(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        header = file.readline(1 << 16)
    return next(csv.reader([header], csv.Sniffer().sniff(header))) if header.strip() else []
