"""Each format of the table is complete: a part that is forgotten when a format is added fails here."""

from __future__ import annotations

import inspect
import io
import json
import math
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from genpas_cli import IngestOptions, UsageError, plan_ingest
from genpas_cli.augment.source_store import default_output
from genpas_cli.ingest.files.source_files import COMPRESSED_ENDINGS
from genpas_cli.ingest.formats import all_formats, without_endings
from genpas_cli.ingest.formats.log_file import LogFile
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write
from tests.support import ROOT, InProcess, refused

ROWS = 3000
FORMATS: dict[str, type[LogFile]] = {each.format: each for each in all_formats()}


def table() -> pa.Table:
    numbers = range(ROWS)
    return pa.table({
        "user_id": [f"u{math.isqrt(n):05}" for n in numbers], "item_id": [f"i{n % 89:03}" for n in numbers],
        "timestamp": [1_500_000_000 + n for n in numbers],
    })  # fmt: skip


def delimited(rows: pa.Table, delimiter: str, header: str) -> bytes:
    lines = [delimiter.join(map(str, row.values())) for row in rows.to_pylist()]
    return "\n".join([header, *lines, ""]).encode()


def sequences(rows: pa.Table) -> bytes:
    by_user: dict[str, list[str]] = {}
    for row in rows.to_pylist():
        by_user.setdefault(row["user_id"], [row["user_id"]]).append(row["item_id"])
    return "\n".join(map(" ".join, by_user.values())).encode()


def written(writer: Callable[[pa.Table, Any], object]) -> Callable[[pa.Table], bytes]:
    def to_bytes(rows: pa.Table) -> bytes:
        sink = io.BytesIO()
        writer(rows, sink)
        return sink.getvalue()

    return to_bytes


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {
    "parquet": written(pq.write_table),
    "arrow": written(lambda rows, sink: feather.write_feather(rows, sink, compression="uncompressed")),
    "orc": written(orc.write_table),
    "json": lambda rows: json.dumps(rows.to_pylist()).encode(),
    "jsonl": lambda rows: "\n".join(map(json.dumps, rows.to_pylist())).encode(),
    "recbole": lambda rows: delimited(rows, "\t", "user_id:token\titem_id:token\ttimestamp:float"),
    "csv": lambda rows: delimited(rows, ",", ",".join(rows.column_names)),
    "sequences": sequences,
}


def test_each_format_has_a_class_in_a_module_of_its_name() -> None:
    modules = Path(inspect.getfile(LogFile)).parent.glob("*.py")
    with_class = {path.stem for path in modules if "\nFORMAT = " in path.read_text(encoding="utf-8")}
    assert with_class == set(get_args(LogFormat)) == set(FORMATS)
    for name, each in FORMATS.items():
        assert import_module(f"genpas_cli.ingest.formats.{name}").FORMAT is each
        assert each.format == name
        assert not inspect.isabstract(each)
        assert each.title
        assert each.is_text != bool(each.magic)  # a binary format is told by its first bytes
    assert set(WRITERS) == set(FORMATS)


def test_endings_are_those_of_one_format() -> None:
    endings = [ending for each in FORMATS.values() for ending in each.endings]
    assert len(endings) == len(set(endings))
    assert all(re.fullmatch(r"\.[a-z]+", ending) for ending in endings)
    assert not {*endings} & {*COMPRESSED_ENDINGS}
    # Sequence text is any text that is nothing else.
    assert [name for name, each in FORMATS.items() if not each.endings] == ["sequences"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_known_by_its_content_and_its_rows_are_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "log", WRITERS[name](table()))
    expected = [(row["user_id"], row["item_id"]) for row in table().to_pylist()]
    for options in ({}, {"format": name}):
        log = read(path, **options)
        assert log.staged.files[0].format == name
        assert log.events == expected


@pytest.mark.parametrize("name", FORMATS)
def test_the_plan_of_a_file_is_near_its_rows(tmp_path: Path, name: str) -> None:
    plan = plan_ingest(write(tmp_path / "log", WRITERS[name](table())))
    assert plan.files[0]["format"] == name
    assert ROWS / 2 < plan.files[0]["rows"] < ROWS * 2


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if not each.is_text])
def test_what_is_called_a_binary_format_and_is_text_is_refused(tmp_path: Path, name: str) -> None:
    text = WRITERS["csv"](table())
    called: list[tuple[str, dict[str, Any]]] = [(f"log{ending}", {}) for ending in FORMATS[name].endings]
    for file, options in (*called, ("log.csv", {"format": name})):
        with pytest.raises(DataError, match=rf"{file}: not an? {FORMATS[name].title} file, or truncated"):
            read(write(tmp_path / file, text), **options)


@pytest.mark.parametrize("name", FORMATS)
def test_outputs_are_not_named_after_the_endings_of_a_log(name: str) -> None:
    for ending in FORMATS[name].endings:
        for packed in ("", *COMPRESSED_ENDINGS):
            assert default_output([f"days/log{ending}{packed}"], ".pairs") == Path("log.pairs")
        assert default_output([f"days/{ending}"], ".pairs") == Path(f"{ending}.pairs")


def test_names_without_endings() -> None:
    assert without_endings("a.b.csv.gz") == "a.b"
    assert without_endings("events.log") == "events.log"
    assert without_endings("events.log", ".log") == "events"
    assert without_endings(".csv") == ".csv"


def test_a_format_that_is_none_of_the_table_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=f"format is 'xls'; it must be {', '.join(FORMATS)} or None"):
        IngestOptions(format="xls")  # type: ignore[arg-type]


def test_every_format_is_a_choice_of_the_command_line(inside: InProcess) -> None:
    done = inside("ingest", "log.csv", "--format", "nosuch")
    assert done.returncode == 2
    assert all(name in done.stderr for name in FORMATS)


def test_what_is_read_is_said_of_what_is_not(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "log", b"SQLite format 3\0"))
    assert all(each.title in str(caught.value.tip) for each in FORMATS.values())
    assert all(ending in str(caught.value.tip) for ending in COMPRESSED_ENDINGS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_in_the_documentation(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
    assert all(f"`{ending}`" in row for ending in FORMATS[name].endings)


MALFORMED: dict[str, str] = {
    "csv": "only one cell", "recbole": "only one cell", "jsonl": '{"user_id": "u1", "item_id"', "json": "",
    "sequences": "",
}  # fmt: skip
"""A line that is malformed in each text format; "" where no line of a file can be: any text is a sequence, and an array
of JSON ends at the first error."""


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.is_text])
def test_a_malformed_row_is_skipped_and_kept_in_the_rejects(inside: InProcess, name: str) -> None:
    if not (line := MALFORMED[name]):
        pytest.skip("no line of such a file is malformed alone")
    lines = WRITERS[name](table()).decode().splitlines()
    write(inside.cwd / "log", "\n".join([*lines[:100], line, *lines[100:], ""]).encode())
    report = inside.json("ingest", "log", "--format", name, "-o", "log.store", "--bad-rows", "skip", "--json")
    assert [step["kept"] for step in report["funnel"][:2]] == [ROWS + 1, ROWS]
    assert line.split('"')[0] in (inside.cwd / "log.store.rejects.csv").read_text(encoding="utf-8")
    refused(inside("ingest", "log", "--format", name, "-o", "other.store"), 1, "log", "101")
