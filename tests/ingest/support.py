"""Stages a log as a job does, and shows what came of it."""

from __future__ import annotations

import csv
import functools
import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from genpas_cli.ingest.options import CleaningOptions, ReadingOptions
from genpas_cli.ingest.staging.staged import Staged
from genpas_cli.ingest.staging.staging import stage


@dataclass(frozen=True, kw_only=True)
class Options(ReadingOptions, CleaningOptions):
    """What staging looks at."""


@dataclass(frozen=True)
class Log:
    """A log as staged."""

    staged: Staged
    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    rejects: list[dict[str, str]]

    @property
    def funnel(self) -> dict[str, int]:
        """Rows dropped by each step; under `read`, those read."""
        steps = {step.step: step.dropped for step in self.staged.funnel}
        return steps | {"read": self.staged.funnel[0].kept}

    @property
    def events(self) -> list[tuple[str | None, str | None]]:
        """User and item of each row, as texts."""
        return [(_text(row[0]), _text(row[1])) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """Values of a column, in order."""
        return [row[self.columns.index(name)] for row in self.rows]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    """Return a connection as a job opens it; always the same, since opening one takes longer than a test."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "2",
    }
    con = duckdb.connect(config=config)
    con.execute("SET timezone = 'UTC'")
    return con


def read(*sources: Path | str, **options: Any) -> Log:
    """Stage a log with these options."""
    con = connection()
    with tempfile.TemporaryDirectory() as directory:
        rejects = Path(directory, "rejects.csv")
        asked = Options(**options)
        con.execute("DETACH DATABASE IF EXISTS stage")
        names = [str(source) for source in sources]
        staged = stage(con, names, asked, scratch=Path(directory), rejects=rejects, memory=1 << 30)
        described = con.execute("DESCRIBE stage.rows").fetchall()
        rows = con.execute("SELECT * FROM stage.rows ORDER BY rowid").fetchall()
        bad: list[dict[str, str]] = []
        if rejects.exists():
            csv.field_size_limit(10**7)
            with rejects.open(encoding="utf-8", newline="") as stream:
                bad = list(csv.DictReader(stream))
        return Log(staged, [name for name, *_ in described], [kind for _, kind, *_ in described], rows, bad)


def write(path: Path, content: str | bytes) -> Path:
    """Write a file, compressed as its name says."""
    data = content.encode() if isinstance(content, str) else content
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pa.compress(data, codec="zstd", asbytes=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
