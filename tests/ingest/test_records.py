"""The reader of records in Python sees what DuckDB sees, and ids come through every format as they are."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pyarrow import feather

from genpas_cli.ingest.columns.missing import parse_null_values
from genpas_cli.ingest.formats.records import Dialect, read_lines, read_records
from genpas_cli.ingest.options import NULL_VALUES
from tests.ingest.support import read

SETTINGS = settings(max_examples=20)
# Characters that have a meaning in CSV or might be stripped or taken for a number.
NASTY = st.text(st.sampled_from(list(" ,;\t|\"'\\\n0179.-+eéß漢\u2028x:#")), min_size=1, max_size=8)
IDS = st.one_of(NASTY, st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6))
# Below 2001 as seconds, so that no two of them are times of different units.
LOG = st.lists(st.tuples(IDS, IDS, st.integers(-(2**62), 10**9)), min_size=1, max_size=12)
BLANKS_AND_QUOTES = ('a, "b" \nc,d', ' "x\ny",b\nc,d\n')
QUOTED = {"csv": (",", "\n"), "tsv": ("\t", "\r\n"), "psv": ("|", "\n"), "dat": ("::", "\n")}


def as_text(events: list[tuple[str, str, int]], delimiter: str, end: str) -> str:
    def quoted(field: object) -> str:
        text = str(field)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'{delimiter}"\n\r ') else text

    rows = [("user_id", "item_id", "timestamp"), *events]
    return "".join(delimiter.join(map(quoted, row)) + end for row in rows)


@SETTINGS
@given(LOG)
@example([("007", " a ", 1), ("", "x", 2)])
@example([("é\u2028", '"', 0), ("NULL", "nan", 1), ("13085.0", "1e5", 2)])
def test_ids_come_through_every_format_as_they_are(events: list[tuple[str, str, int]]) -> None:
    markers = parse_null_values(NULL_VALUES)
    missing = [[not value or value.strip(" \t\r\n") in markers for value in event[:2]] for event in events]
    expected = [event for event, gone in zip(events, missing, strict=True) if not any(gone)]
    columns: list[list[object]] = [[event[n] for event in events] for n in range(3)]
    table = pa.table(dict(zip(("user_id", "item_id", "timestamp"), columns, strict=True)))
    with tempfile.TemporaryDirectory() as directory:
        for suffix, (delimiter, end) in QUOTED.items():
            path = Path(directory, f"a.{suffix}")
            path.write_text(as_text(events, delimiter, end), encoding="utf-8", newline="")
            assert read(path, delimiter=delimiter, quote='"').rows == expected
        path = Path(directory, "a.jsonl")
        lines = [json.dumps(dict(zip(table.column_names, event, strict=True))) for event in events]
        path.write_text("\n".join(lines), encoding="utf-8")
        assert read(path).rows == expected
        pq.write_table(table, Path(directory, "a.parquet"))
        assert read(Path(directory, "a.parquet")).rows == expected
        feather.write_feather(table, Path(directory, "a.feather"))
        assert read(Path(directory, "a.feather")).rows == expected


@SETTINGS
@given(st.lists(st.lists(NASTY, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_python_writes_as_csv_is_read_back(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["user", "item", "note"], *rows])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "a.csv")
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        assert read(path).events == [(row[0], row[1]) for row in rows]


@settings(max_examples=150)
@given(st.text(st.sampled_from('ab,"\n '), max_size=40), st.sampled_from(['"', ""]))
@example('a,"b\nc"\n"d""e",f', '"')
@example(BLANKS_AND_QUOTES[0], '"')
@example(BLANKS_AND_QUOTES[1], '"')
def test_records_are_those_that_duckdb_reads(text: str, quote: str) -> None:
    # Blanks before an open quote make it literal to DuckDB in some places and not in others.
    assume(text in BLANKS_AND_QUOTES or not re.search(r'(^|,|\n) +"', text))
    dialect = Dialect(",", quote, header=False, width=2)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "a.csv")
        path.write_text(text, encoding="utf-8", newline="")
        records = list(read_records(read_lines(path, "none"), dialect))
        query = (
            f"SELECT * FROM read_csv('{path}', auto_detect = false, delim = ',', quote = '{quote}', escape = '{quote}'"
            ", header = false, columns = {'a': 'VARCHAR', 'b': 'VARCHAR'})"
        )
        try:
            expected = [[value or "" for value in row] for row in duckdb.execute(query).fetchall()]
        except duckdb.Error:
            return  # what DuckDB refuses is ours to judge
        assert [record.fields for record in records] == expected
        assert not [record for record in records if record.defect]


@SETTINGS
@given(st.text(st.sampled_from('ab1,"\n \r'), max_size=60))
def test_any_text_is_staged_rejected_or_counted(text: str) -> None:
    log = "user,item,time\nu,i,1\n" + text + "\nu,i,2\n"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "a.csv")
        path.write_text(log, encoding="utf-8", newline="")
        result = read(path, bad_rows="skip")
    steps = result.staged.funnel
    assert steps[0].kept == sum(step.dropped for step in steps) + len(result.rows)
    assert result.funnel["bad rows"] == len(result.rejects)
    assert result.rows[0] == ("u", "i", 1)
