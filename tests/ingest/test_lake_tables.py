"""Tables of Delta Lake and Iceberg are read by their live rows, as their own libraries count them."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest, plan_ingest, stats
from genpas_cli.ingest.files import lake_tables
from genpas_cli.runtime.errors import DataError, UsageError
from tests.ingest.support import read, write
from tests.support import InProcess, refused

if TYPE_CHECKING:
    from pyiceberg.table import Table


def rows(first: int, count: int, user: str = "u") -> pa.Table:
    numbers = range(first, first + count)
    return pa.table({
        "user_id": [f"{user}{n % 3}" for n in numbers], "item_id": [f"i{n:03}" for n in numbers],
        "timestamp": pa.array(numbers, pa.int64()),
    })  # fmt: skip


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    """A table with an append, a delete and an update of some rows; 3 versions have dead files."""
    path = tmp_path / "shop"
    write_deltalake(path, rows(0, 20))
    write_deltalake(path, rows(20, 10), mode="append")
    DeltaTable(path).delete("item_id = 'i005'")
    DeltaTable(path).update({"item_id": "'other'"}, predicate="timestamp = 25")
    return path


def new_iceberg(tmp_path: Path, name: str = "log") -> Table:
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path / 'catalogue.db'}", warehouse=f"file://{tmp_path / 'lake'}")
    catalog.create_namespace_if_not_exists("ns")
    table = catalog.create_table(f"ns.{name}", schema=rows(0, 1).schema)
    catalog.close()
    return table


@pytest.fixture
def iceberg(tmp_path: Path) -> Table:
    table = new_iceberg(tmp_path)
    table.append(rows(0, 20))
    table.append(rows(20, 10))
    table.delete("item_id = 'i005'")
    return table


def place(table: Table) -> Path:
    return Path(table.location().removeprefix("file://"))


def events(path: Path | str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in read(path, **options).rows]


def of_table(table: pa.Table) -> list[tuple[Any, ...]]:
    return sorted(zip(*(table[name].to_pylist() for name in ("user_id", "item_id", "timestamp")), strict=True))


def test_a_delta_table_is_its_live_rows(delta: Path) -> None:
    wanted = of_table(DeltaTable(delta).to_pyarrow_table())
    assert len(wanted) == 29
    assert sorted(events(delta)) == wanted
    files = list(delta.glob("*.parquet"))
    assert len(files) > len(DeltaTable(delta).file_uris())  # dead ones are still there


def test_an_iceberg_table_is_its_live_rows(iceberg: Table) -> None:
    wanted = of_table(iceberg.scan().to_arrow())
    assert len(wanted) == 29
    assert sorted(events(place(iceberg))) == wanted
    metadata = iceberg.metadata_location.removeprefix("file://")
    assert sorted(events(metadata)) == wanted


def test_after_an_overwrite_only_the_new_rows_are_read(delta: Path, iceberg: Table) -> None:
    write_deltalake(delta, rows(100, 7), mode="overwrite")
    iceberg.overwrite(rows(100, 7))
    for path in (delta, place(iceberg)):
        assert sorted(events(path)) == of_table(rows(100, 7))


def test_an_earlier_metadata_file_is_the_table_as_it_was(iceberg: Table) -> None:
    metadata = sorted((place(iceberg) / "metadata").glob("*.metadata.json"))
    assert len(events(str(metadata[2]))) == 30  # before the delete
    assert len(events(str(metadata[1]))) == 20


def vector(deleted: list[int]) -> dict[str, Any]:
    """Return a deletion vector as the Delta protocol writes it into the log: a roaring bitmap in Z85."""
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(deleted) - 1, 16) + struct.pack(f"<{len(deleted)}H", *deleted)
    raw = struct.pack("<Iqi", 1681511377, 1, 0) + bitmap
    raw += b"\0" * (-len(raw) % 4)
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for at in range(0, len(raw), 4):
        number = int.from_bytes(raw[at : at + 4], "big")
        text += "".join(letters[number // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(raw), "cardinality": len(deleted)}


def delete_by_vector(path: Path, deleted: list[int]) -> None:
    """Commit a delete of rows of the file added last, as Spark does it; the library only writes whole files again."""
    log = sorted((path / "_delta_log").glob("*.json"))
    added = [json.loads(line) for file in log for line in file.read_text(encoding="utf-8").splitlines()]
    add = [action["add"] for action in added if "add" in action][-1]
    remove = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    actions = ({"remove": remove}, {"add": {**add, "deletionVector": vector(deleted)}})
    write(path / "_delta_log" / f"{len(log):020}.json", "\n".join(map(json.dumps, actions)) + "\n")


def test_rows_of_deletion_vectors_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "shop"
    write_deltalake(path, rows(0, 6), configuration={"delta.enableDeletionVectors": "true"})
    write_deltalake(path, rows(6, 9), mode="append")
    delete_by_vector(path, [0, 4, 8])
    wanted = of_table(pa.table(DeltaTable(path).scan()))
    assert len(wanted) == 12
    assert sorted(events(path)) == wanted
    assert "i010" not in {item for _, item, _ in events(path)}


def test_rows_of_deletion_vectors_are_gone_from_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genpas_cli.ingest.files import delta as module

    monkeypatch.setattr(module, "_ROWS", 7)
    path = tmp_path / "shop"
    write_deltalake(path, rows(0, 50), configuration={"delta.enableDeletionVectors": "true"})
    delete_by_vector(path, [0, 6, 7, 30, 31])
    assert sorted(events(path)) == of_table(pa.table(DeltaTable(path).scan()))


def add_deletes(
    table: Table, content: DataFileContent, deletes: pa.Table, equality: list[int] | None = None,
    like: DataFile | None = None,
) -> None:  # fmt: skip
    """Commit a file of deletes in the partition of a data file, by default the first.

    Spark and Flink do this; the library only writes whole data files again.
    """
    data = like or next(iter(table.scan().plan_files())).file
    path = place(table) / "data" / f"deletes-{content}.parquet"
    pq.write_table(deletes, path)
    file = DataFile.from_args(
        content=content, file_path=f"file://{path}", file_format=FileFormat.PARQUET, partition=data.partition,
        record_count=deletes.num_rows, file_size_in_bytes=path.stat().st_size, equality_ids=equality,
        spec_id=data.spec_id,
        column_sizes={}, value_counts={}, null_value_counts={}, nan_value_counts={}, lower_bounds={}, upper_bounds={},
        split_offsets=None, sort_order_id=None, key_metadata=None,
    )  # fmt: skip
    file.spec_id = data.spec_id
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as snapshot:
        snapshot.append_data_file(file)


def test_rows_of_position_deletes_are_gone(tmp_path: Path) -> None:
    table = new_iceberg(tmp_path)
    table.append(rows(0, 10))
    data = next(iter(table.scan().plan_files())).file
    fields = [pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
              pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"})]  # fmt: skip
    deletes = pa.table([[data.file_path] * 2, [1, 4]], schema=pa.schema(fields))
    add_deletes(table, DataFileContent.POSITION_DELETES, deletes)
    wanted = of_table(table.scan().to_arrow())
    assert [item for _, item, _ in sorted(wanted, key=lambda row: int(row[2]))] == [
        f"i{n:03}" for n in (0, 2, 3, 5, 6, 7, 8, 9)
    ]
    assert sorted(events(place(table))) == wanted


def equality_deletes(values: dict[str, list[Any]]) -> tuple[pa.Table, list[int]]:
    """Return rows of a file of equality deletes, and the ids of their columns."""
    ids = {"user_id": 1, "item_id": 2, "timestamp": 3}
    types = rows(0, 1).schema
    fields = [pa.field(name, types.field(name).type, metadata={"PARQUET:field_id": str(ids[name])}) for name in values]
    return pa.table(list(values.values()), schema=pa.schema(fields)), [ids[name] for name in values]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({"item_id": ["i003", "i007", "none"]}, [0, 1, 2, 4, 5, 6, 8, 9]),
        ({"item_id": ["i003", "i004"], "timestamp": [3, 3]}, [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ({"item_id": [None]}, [*range(10)]),
    ],
)
def test_rows_of_equality_deletes_are_gone(tmp_path: Path, values: dict[str, list[Any]], left: list[int]) -> None:
    """A row goes if all the columns of the delete are equal; rows of later commits stay, whatever their values."""
    table = new_iceberg(tmp_path)
    table.append(rows(0, 10))
    deletes, ids = equality_deletes(values)
    add_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, equality=ids)
    assert [item for _, item, _ in events(place(table))] == [f"i{n:03}" for n in left]
    table.append(rows(0, 10))
    assert [item for _, item, _ in events(place(table))] == [f"i{n:03}" for n in [*left, *range(10)]]


def test_equality_deletes_of_a_partition_stay_in_it(tmp_path: Path) -> None:
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path / 'catalogue.db'}", warehouse=f"file://{tmp_path / 'lake'}")
    catalog.create_namespace("ns")
    table = catalog.create_table("ns.log", schema=rows(0, 1).schema)
    catalog.close()
    with table.update_spec() as update:
        update.add_identity("user_id")
    both = pa.concat_tables([_of_user("u1", 4), _of_user("u2", 4)])
    table.append(both)
    deletes, ids = equality_deletes({"item_id": ["i002"]})
    (of_first,) = [task.file for task in table.scan("user_id = 'u1'").plan_files()]
    add_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, equality=ids, like=of_first)
    found = sorted((user, item) for user, item, _ in events(place(table)))
    assert found == [("u1", f"i{n:03}") for n in (0, 1, 3)] + [("u2", f"i{n:03}") for n in range(4)]


def _of_user(user: str, count: int) -> pa.Table:
    data = rows(0, count)
    return data.set_column(data.schema.get_field_index("user_id"), data.schema.field("user_id"), [[user] * count])


def test_missing_values_are_equal_in_equality_deletes(tmp_path: Path) -> None:
    table = new_iceberg(tmp_path)
    data = rows(0, 4)
    some = pa.array(["i000", None, "i002", None])
    table.append(data.set_column(data.schema.get_field_index("item_id"), "item_id", some))
    deletes, ids = equality_deletes({"item_id": [None]})
    add_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, equality=ids)
    report = read(place(table))
    assert [row[1] for row in report.rows] == ["i000", "i002"]


def test_position_and_equality_deletes_together(tmp_path: Path) -> None:
    table = new_iceberg(tmp_path)
    table.append(rows(0, 6))
    data = next(iter(table.scan().plan_files())).file
    fields = [pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
              pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"})]  # fmt: skip
    add_deletes(table, DataFileContent.POSITION_DELETES, pa.table([[data.file_path], [0]], schema=pa.schema(fields)))
    deletes, ids = equality_deletes({"item_id": ["i004"]})
    add_deletes(table, DataFileContent.EQUALITY_DELETES, deletes, equality=ids)
    assert [item for _, item, _ in events(place(table))] == ["i001", "i002", "i003", "i005"]


def test_columns_of_partitions_are_columns(tmp_path: Path) -> None:
    table = rows(0, 8).append_column("kind", pa.array(["a b/c=d%", None] * 4)).append_column("n", pa.array([1, 2] * 4))
    write_deltalake(tmp_path / "shop", table, partition_by=["kind", "n"])
    found = events(tmp_path / "shop", keep=("kind", "n"))
    assert sorted(found, key=lambda row: int(row[2])) == [tuple(row.values()) for row in table.to_pylist()]


def test_rows_keep_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    table, path = new_iceberg(tmp_path), tmp_path / "shop"
    for n in range(12):
        added = rows(10 * n, 10)
        table.append(added)
        write_deltalake(path, added, mode="append")
    for place_of in (path, place(table)):
        times = [time for _, _, time in events(place_of)]
        assert times == sorted(times)
        assert [item for _, item, *_ in read(place_of).rows] == [f"i{n:03}" for n in range(120)]


def test_a_table_with_a_new_column_has_missing_values_in_old_rows(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "shop", rows(0, 2))
    more = rows(2, 2).append_column("price", pa.array([1.5, 2.5]))
    write_deltalake(tmp_path / "shop", more, mode="append", schema_mode="merge")
    assert [row[3] for row in events(tmp_path / "shop", keep=("price",))] == [None, None, 1.5, 2.5]


def _delta_of(tmp_path: Path) -> Path:
    write_deltalake(tmp_path / "shop", rows(0, 40))
    return tmp_path / "shop"


def _iceberg_of(tmp_path: Path) -> Path:
    table = new_iceberg(tmp_path)
    table.append(rows(0, 40))
    return place(table)


TABLES: dict[str, Callable[[Path], Path]] = {"delta": _delta_of, "iceberg": _iceberg_of}


@pytest.mark.parametrize("kind", TABLES)
def test_store_and_manifest_name_table_and_version(tmp_path: Path, kind: str) -> None:
    path = TABLES[kind](tmp_path)
    augment(path, tmp_path / "log.pairs", AugmentOptions(), keep_store=tmp_path / "log.store")
    (source,) = json.loads((tmp_path / "log.pairs" / "manifest.json").read_text(encoding="utf-8"))["source"]
    version = lake_tables.version_of(lake_tables.LakeTable(kind, path, "x"))  # type: ignore[arg-type]
    assert (source["format"], source["table_id"], source["version"]) == version
    assert source["rows"] == 40
    with duckdb.connect(str(tmp_path / "log.store"), read_only=True) as con:
        assert con.execute("SELECT format, table_id, version FROM sources").fetchall() == [tuple(version)]


def test_a_file_has_no_version(tmp_path: Path) -> None:
    pq.write_table(rows(0, 40), tmp_path / "log.parquet")
    augment(tmp_path / "log.parquet", tmp_path / "log.pairs", AugmentOptions())
    (source,) = json.loads((tmp_path / "log.pairs" / "manifest.json").read_text(encoding="utf-8"))["source"]
    assert not {"table_id", "version"} & set(source)


@pytest.mark.parametrize("kind", TABLES)
def test_all_commands_read_a_table_as_the_same_rows_in_a_file(tmp_path: Path, kind: str) -> None:
    path = TABLES[kind](tmp_path)
    pq.write_table(rows(0, 40), tmp_path / "log.parquet")
    made = [ingest(source, tmp_path / f"{n}.store") for n, source in enumerate((path, tmp_path / "log.parquet"))]
    assert made[0].funnel == made[1].funnel
    assert stats(path).data == stats(tmp_path / "log.parquet").data
    plan = plan_ingest(path)
    assert plan.files == [{"name": str(path), "format": kind, "rows": 40, "exact": True}]
    assert plan.interactions == 40


@pytest.mark.parametrize("kind", TABLES)
def test_the_same_table_twice_is_refused(tmp_path: Path, kind: str) -> None:
    path = TABLES[kind](tmp_path)
    with pytest.raises(UsageError, match="is given twice"):
        read(path, path)
    if kind == "delta":
        shutil.copytree(path, tmp_path / "copy")
        with pytest.raises(DataError, match="has the same content as"):
            read(path, tmp_path / "copy")


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_appended_once(tmp_path: Path, kind: str) -> None:
    path, store = TABLES[kind](tmp_path), tmp_path / "log.store"
    ingest(path, store)
    with pytest.raises(DataError, match="the same content"):
        ingest(path, store, append=True)
    if kind == "delta":
        write_deltalake(path, rows(40, 5), mode="append")
        with pytest.raises(
            DataError, match=r"already contains the rows of version 0 of the table .*, so version 1 would"
        ):
            ingest(path, store, append=True)
        ingest(path, store, IngestOptions(allow_duplicate_files=True), append=True)
    write(tmp_path / "new.csv", "user_id,item_id,timestamp\nu0,i001,1000\n")
    ingest(tmp_path / "new.csv", store, append=True)


@pytest.mark.parametrize("kind", TABLES)
def test_a_file_of_a_table_is_refused_with_the_name_of_the_table(tmp_path: Path, kind: str) -> None:
    path = TABLES[kind](tmp_path)
    for inside in (next(path.rglob("*.parquet")), f"{path}/**/*.parquet", path.parent):
        with pytest.raises(DataError) as caught:
            read(inside)
        assert f"Name the table itself: genpas ingest {path} -o STORE" in str(caught.value.tip)


@pytest.mark.parametrize("kind", TABLES)
def test_without_the_extra_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = TABLES[kind](tmp_path)
    monkeypatch.setattr("genpas_cli.runtime.extras.find_spec", lambda _: None)
    for given in (path, next(path.rglob("*.parquet"))):
        with pytest.raises(DataError, match="a table of") as caught:
            read(given)
        assert f"pip install 'genpas[{kind}]'" in str(caught.value.tip)
        assert f"genpas ingest {path} -o STORE" in str(caught.value.tip)


def test_damaged_tables_are_refused_in_own_words(tmp_path: Path) -> None:
    delta, iceberg = _delta_of(tmp_path), _iceberg_of(tmp_path)
    next(delta.glob("*.parquet")).unlink()
    with pytest.raises(DataError, match="shop is a table of Delta Lake that cannot be read"):
        read(delta)
    write(delta / "_delta_log" / "00000000000000000001.json", "{oops")
    with pytest.raises(DataError, match="shop is a table of Delta Lake that cannot be read"):
        read(delta)
    next(iceberg.rglob("*.parquet")).unlink()
    with pytest.raises(DataError, match="is a table of Iceberg that cannot be read"):
        read(iceberg)
    for metadata in (iceberg / "metadata").glob("*.metadata.json"):
        metadata.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="is a table of Iceberg that cannot be read"):
        read(iceberg)


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    table = new_iceberg(tmp_path)
    write_deltalake(tmp_path / "shop", rows(0, 0))
    for path in (place(table), tmp_path / "shop"):
        with pytest.raises(DataError, match="contains no rows"):
            read(path)


def test_a_reader_feature_that_is_not_read_is_refused(tmp_path: Path) -> None:
    path = _delta_of(tmp_path)
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["columnMapping"],
                "writerFeatures": ["columnMapping"]}  # fmt: skip
    write(path / "_delta_log" / "00000000000000000001.json", json.dumps({"protocol": protocol}) + "\n")
    with pytest.raises(DataError, match=r"a table of Delta Lake that cannot be read \(.*columnMapping"):
        read(path)


def test_two_current_metadata_files_are_asked_about(iceberg: Table) -> None:
    newest = max((place(iceberg) / "metadata").glob("*.metadata.json"))
    shutil.copy(newest, newest.with_name(f"{newest.name[:5]}-other.metadata.json"))
    with pytest.raises(DataError, match="two metadata files have the highest version") as caught:
        read(place(iceberg))
    assert "00003-" in str(caught.value.tip)
    write(place(iceberg) / "metadata" / "version-hint.text", newest.name)
    assert len(events(place(iceberg))) == 29


def test_data_on_object_storage_is_refused(iceberg: Table) -> None:
    newest = max((place(iceberg) / "metadata").glob("*.metadata.json"))
    text = newest.read_text(encoding="utf-8").replace(iceberg.location(), "s3://bucket/log")
    newest.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="its data is on object storage: s3://bucket/log"):
        read(place(iceberg))


def test_lists_in_a_table_are_read_as_rows(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "shop", pa.table({"user_id": ["u", "v"], "item_ids": [["a", "b"], ["c"]]}))
    assert read(tmp_path / "shop", item="item_ids").events == [("u", "a"), ("u", "b"), ("v", "c")]


def test_the_commands_read_a_table(inside: InProcess) -> None:
    write_deltalake(inside.cwd / "shop", rows(0, 40))
    done = inside("augment", "shop", "--alpha", "0.5")
    assert done.returncode == 0
    assert (inside.cwd / "shop.pairs" / "manifest.json").exists()
    refused(inside("ingest", "shop/_delta_log", "-o", "x.store"), 1, "is part of shop", "genpas ingest shop -o STORE")
