"""ORC files give the rows that Parquet files of the same table give, in bounded memory; a damaged one is refused."""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import io
import lzma
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import orc

from genpas_cli import ingest, plan_ingest
from genpas_cli.ingest.formats import orc as orc_format
from genpas_cli.ingest.formats.orc import OrcLog
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import Log, read, write

MOMENTS = st.datetimes(dt.datetime(1678, 1, 1), dt.datetime(2262, 1, 1))  # noqa: DTZ001  # what nanoseconds hold
KEPT: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int16": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int32": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "double": (pa.float64(), st.floats(allow_nan=False)),
    "decimal": (pa.decimal128(9, 2), st.decimals(-(10**6), 10**6, places=2)),
    "boolean": (pa.bool_(), st.booleans()),
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]))),
    "bytes": (pa.binary(), st.binary()),
    "date": (pa.date32(), st.dates(dt.date(1600, 1, 1), dt.date(2400, 1, 1))),
    "instant": (pa.timestamp("us"), MOMENTS),
    "with a zone": (pa.timestamp("us", "Europe/Berlin"), MOMENTS.map(lambda moment: moment.replace(tzinfo=dt.UTC))),
    "list": (pa.list_(pa.int64()), st.lists(st.integers(0, 9))),
}  # fmt: skip


def table(rows: int, **further: pa.Array) -> pa.Table:
    numbers = range(rows)
    columns = {
        "user_id": pa.array([f"u{n % 61:02}" for n in numbers], pa.string()),
        "item_id": pa.array([n % 89 for n in numbers], pa.int32()),
        "timestamp": pa.array([1_500_000_000_000_000 + n for n in numbers], pa.timestamp("us")),
    }  # fmt: skip
    return pa.table(columns | further)


def content(rows: pa.Table, **options: Any) -> bytes:
    """Return an ORC file."""
    sink = io.BytesIO()
    orc.write_table(rows, sink, **options)
    return sink.getvalue()


def instants(log: Log) -> list[tuple[Any, ...]]:
    """Return the rows, whatever the unit of the times."""
    return [tuple(value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value for value in row)
            for row in log.rows]  # fmt: skip


@pytest.mark.parametrize("kind", KEPT)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_it_is_read_as_parquet_is(tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject) -> None:
    type_, values = KEPT[kind]
    kept = pa.array(data.draw(st.lists(st.none() | values, min_size=1, max_size=20)), type_)
    path = tmp_path_factory.mktemp("orc")
    rows = table(len(kept), kept=kept)
    pq.write_table(rows, path / "log.parquet")
    compression = data.draw(st.sampled_from(["uncompressed", "zlib", "snappy", "zstd", "lz4"]))
    write(path / "log.orc", content(rows, compression=compression))
    options: dict[str, Any] = {"where": "kept is null or len(kept) < 3"} if kind == "list" else {"keep": ("kept",)}
    ours, parquet = (read(path / name, **options) for name in ("log.orc", "log.parquet"))
    assert instants(ours) == instants(parquet)
    assert ours.staged.time_type == "TIMESTAMP_NS"
    nanoseconds = {"TIMESTAMP": "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ_NS"}
    assert ours.staged.kept == {name: nanoseconds.get(t, t) for name, t in parquet.staged.kept.items()}


def test_missing_ids_are_dropped_and_floats_of_whole_numbers_are_integers(tmp_path: Path) -> None:
    rows = pa.table({"user_id": ["u", None, "v"], "item_id": [1.0, 2.0, None], "timestamp": [1, 2, 3]})
    log = read(write(tmp_path / "log.orc", content(rows)))
    assert log.rows == [("u", 1, 1)]
    assert log.funnel["missing user or item id"] == 2


@pytest.mark.parametrize("name", ["log.orc", "log", "log.csv", "log.orc.bz2", "log.orc.xz", "log.zip"])
def test_it_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    data = content(table(500))
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("log.orc", data)
    else:
        pack: dict[str, Callable[[bytes], bytes]] = {"bz2": bz2.compress, "xz": lzma.compress}
        (tmp_path / name).write_bytes(pack.get(name.rpartition(".")[2], bytes)(data))
    for options in ({}, {"format": "orc"}, {"text_encoding": "latin-1"}):
        log = read(tmp_path / name, **options)
        assert (len(log.rows), log.staged.files[0].format) == (500, "orc")


def test_what_it_is_not_is_told(tmp_path: Path) -> None:
    orc_file = write(tmp_path / "log", content(table(5)))
    with pytest.raises(DataError, match="--format csv was given, but the content is ORC"):
        read(orc_file, format="csv")
    with pytest.raises(DataError, match="ORC inside gzip") as caught:
        read(write(tmp_path / "log.orc.gz", content(table(5))))
    assert "gunzip" in str(caught.value.tip)
    text = write(tmp_path / "log.orc", "user,item\n1,2\n")
    for options in ({}, {"format": "orc"}):
        with pytest.raises(DataError, match=r"not an ORC file, or truncated: the file starts with b'user,ite'"):
            read(text, **options)


def test_a_header_that_begins_with_the_same_letters_is_text(tmp_path: Path) -> None:
    log = read(write(tmp_path / "log.csv", "ORCID,item,time\na,i,1\n"), user="ORCID")
    assert log.rows == [("a", "i", 1)]


def test_several_files_of_several_formats_are_one_log(tmp_path: Path) -> None:
    rows = table(300)
    for n, part in enumerate((rows[:100], rows[100:250])):
        write(tmp_path / f"day={n}" / "log.orc", content(part))
    pq.write_table(rows[250:], tmp_path / "z.parquet")
    log = read(tmp_path / "day=0", tmp_path / "day=1", tmp_path / "z.parquet")
    assert log.events == [(row["user_id"], str(row["item_id"])) for row in rows.to_pylist()]
    assert [file.rows for file in log.staged.files] == [100, 150, 50]


@pytest.mark.parametrize("rows", [0, 1, 20_000])
def test_the_plan_has_the_rows_of_the_footer(tmp_path: Path, rows: int) -> None:
    review = pa.array(["It does what it says. " * 40] * rows, pa.string())
    write(tmp_path / "log.orc", content(table(rows, review=review), compression="zstd"))
    assert plan_ingest(tmp_path / "log.orc").files == [
        {"name": str(tmp_path / "log.orc"), "format": "orc", "rows": rows, "exact": True}
    ]


def test_a_part_of_a_stripe_is_in_memory_and_no_column_that_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table(100_000, review=pa.array(["It does what it says. " * 9] * 100_000), other=pa.array([0] * 100_000))
    write(tmp_path / "log.orc", content(rows, compression="zstd"))
    assert orc.ORCFile(tmp_path / "log.orc").nstripes == 1
    before, held, names = pa.total_allocated_bytes(), list[int](), list[list[str]]()
    batches = OrcLog.batches

    def watched(log: OrcLog, needed: Sequence[str]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        def measured() -> Iterator[pa.RecordBatch]:
            for batch in decoded:
                held.append(pa.total_allocated_bytes() - before)
                yield batch

        schema, decoded = batches(log, needed)
        names.append(schema.names)
        return schema, measured()

    monkeypatch.setattr(OrcLog, "batches", watched)
    monkeypatch.setattr(orc_format, "_BATCH_ROWS", 4096)
    assert len(read(tmp_path / "log.orc", keep=("review",)).rows) == 100_000
    assert len(held) >= 15
    assert max(held) < rows.nbytes * 2 / 3  # some batches wait in DuckDB; a whole stripe takes more than nbytes
    assert names[0] == rows.column_names
    assert sorted(names[-1]) == ["item_id", "review", "timestamp", "user_id"]


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    data = content(table(2000), stripe_size=1 << 14)
    for cut in (0.1, 0.5, 0.9, 0.999):
        file = write(tmp_path / "log.orc", data[: int(len(data) * cut)])
        with pytest.raises(DataError, match=r"log\.orc: the ORC file is truncated or corrupt"):
            read(file)


@pytest.mark.parametrize("compression", ["uncompressed", "zlib"])
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path: Path, compression: str) -> None:
    """ORC has no checksums: a wrong value may pass for a right one, but nothing may end in another error."""
    good, refused = content(table(2000), stripe_size=1 << 14, compression=compression), 0
    for seed in range(40):
        data, rng = bytearray(good), random.Random(seed)
        place = rng.randrange(len(data) - 600, len(data)) if seed % 2 else rng.randrange(3, len(data))
        data[place : place + 4] = rng.randbytes(4)
        file = write(tmp_path / "log.orc", bytes(data[: len(good)]))
        try:
            read(file)
        except DataError as error:
            refused += 1
            assert "log.orc" in str(error)  # noqa: PT017  # some are read
            assert "Traceback" not in str(error)  # noqa: PT017
    assert refused >= 5


def test_times_that_nanoseconds_do_not_hold_are_refused(tmp_path: Path) -> None:
    rows = pa.table({"user_id": ["u"], "item_id": ["i"], "timestamp": [dt.datetime(2300, 1, 1)]})  # noqa: DTZ001
    with pytest.raises(DataError, match=r"log\.orc.*out of range for nanosecond"):
        read(write(tmp_path / "log.orc", content(rows)))


def test_types_that_are_no_ids_or_kept_values_are_named(tmp_path: Path) -> None:
    rows = table(3, basket=pa.array([[1], [2], []]), price=pa.array([decimal.Decimal("1.5")] * 3))
    file = write(tmp_path / "log.orc", content(rows))
    with pytest.raises(
        DataError, match=r"column 'basket' \(user\) contains lists, but column 'item_id' \(item\) does not"
    ):
        read(file, user="basket")
    with pytest.raises(DataError, match=r"column 'basket' is of type BIGINT\[\], which cannot be kept"):
        read(file, keep=("basket",))
    assert read(file, item="price").column("item_id") == ["1.5"] * 3


def test_names_with_dots_are_read_or_refused(tmp_path: Path) -> None:
    rows = table(3, **{"a.b": pa.array(["x", "y", "z"]), "c": pa.array([1, 2, 3])})
    assert read(write(tmp_path / "log.orc", content(rows)), keep=("a.b",)).column("keep_0") == ["x", "y", "z"]
    rows = rows.append_column("a", pa.array([{"b": "no"}] * 3))
    with pytest.raises(DataError, match=r"log\.orc: column 'a\.b' has the same name as a field of another column"):
        read(write(tmp_path / "log.orc", content(rows)), keep=("a.b",))


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    rows = table(3, USER_ID=pa.array(["x", "y", "z"]))
    with pytest.raises(DataError, match=r"log\.orc: the schema contains the column 'user_id' twice"):
        read(write(tmp_path / "log.orc", content(rows)))


def test_a_malformed_time_is_told_with_its_row(tmp_path: Path) -> None:
    times = ["2024-01-01", "2024-01-02", "soon", "2024-01-04"]
    rows = pa.table({"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": times})
    file = write(tmp_path / "log.orc", content(rows))
    with pytest.raises(
        DataError, match=r"log\.orc, row 3: timestamp 'soon' in column 'timestamp' is not ISO 8601: 'u,c,soon'"
    ):
        read(file)
    assert [bad["line"] for bad in read(file, bad_rows="skip").rejects] == ["3"]


def test_it_is_appended_to_a_store(tmp_path: Path) -> None:
    rows = table(400)
    for name, part in (("a", rows[:200]), ("b", rows[200:]), ("all", rows)):
        write(tmp_path / f"{name}.orc", content(part))
    ingest(tmp_path / "a.orc", tmp_path / "log.store")
    appended = ingest(tmp_path / "b.orc", tmp_path / "log.store", append=True)
    whole = ingest(tmp_path / "all.orc", tmp_path / "log.store", force=True)
    assert (appended.interactions, appended.users, appended.items) == (400, 61, 89)
    assert (appended.split, appended.length, appended.time_range) == (whole.split, whole.length, whole.time_range)
