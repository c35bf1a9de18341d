"""`augment --form cuts`: whoever reads pairs gets the very rows of `--form items`, from files several times smaller."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import (
    AugmentOptions,
    ExportOptions,
    IngestOptions,
    IntegrityError,
    StatsOptions,
    augment,
    augment_stream,
    export,
    ingest,
    merge,
    plan,
    stats,
    verify,
)
from genpas_cli.augment.engines import work
from genpas_cli.loaders.pair_shards import PairsDirectory, Segment
from genpas_cli.pairs.manifest import NAME
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.runtime.object_storage.locations import file_digest
from tests.support import identity, rewrite, small_log, snapshot

DATA_SETS: dict[str, dict[str, Any]] = {
    "balanced": {"pairs": "700", "shard_rows": 90},
    "independent": {"pairs": "700", "shard_rows": 90, "draw": "independent"},
    "enumerated, short inputs": {"strategy": "slide-window", "shard_rows": 300, "max_input": "3"},
    "three epochs, whole inputs": {"epochs": 3, "shard_rows": 90, "max_input": "none"},
    "users together": {"order": "user", "shard_rows": 90},
    "some targets": {"target_where": "timestamp % 2 = 0", "shard_rows": 90},
}

SPLITS = {"leave-one-out": "leave-one-out", "by time": "time:0.7,0.9", "nothing held out": "none"}


@pytest.fixture(scope="module", params=SPLITS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 60 users; it keeps a column."""
    root = tmp_path_factory.mktemp("log")
    (root / "log.csv").write_text(small_log(60, shortest=1), encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=("timestamp",), split=SPLITS[request.param]))
    return root / "log.store"


def both(store: Path, root: Path, **options: Any) -> tuple[Path, Path]:
    """Return the same data set in both forms."""
    found = []
    for form in ("items", "cuts"):
        reading = IngestOptions(keep=("timestamp",))
        augment(store, root / form, AugmentOptions(**options, form=form), ingest_options=reading)
        found.append(root / form)
    return found[0], found[1]


def rows(directory: Path, columns: list[str] | None = None) -> dict[str, pa.Table]:
    """Return the pairs of each shard, as readers get them."""
    pairs = PairFiles(directory)
    return {file.path: pa.Table.from_batches(pairs.batches(file, columns)) for file in pairs.shards}


@pytest.mark.parametrize("kind", DATA_SETS)
def test_every_row_is_the_same(store: Path, tmp_path: Path, kind: str) -> None:
    items, cuts = both(store, tmp_path, **DATA_SETS[kind])
    expected, found = rows(items), rows(cuts)
    assert list(found) == list(expected)
    for path, table in expected.items():
        assert found[path].equals(table), path
        on_disk = pq.read_table(cuts / path)
        assert on_disk.column_names == ["user_num", "input_start", "target_position"]
        assert on_disk.equals(table.select(on_disk.column_names))
    assert PairFiles(cuts).schema.equals(PairFiles(items).schema)
    verify(cuts, store=store)


def test_sequences_are_the_users_histories(store: Path, tmp_path: Path) -> None:
    _, cuts = both(store, tmp_path)
    (file,) = (cuts / "sequences").iterdir()
    found = pq.read_table(file)
    with duckdb.connect(str(store), read_only=True) as con:
        expected = con.sql("select item_num, timestamp from interactions order by rowid").fetchall()
        users = con.sql("select train_length, length from users order by user_num").fetchall()
    assert found.column("train_length").to_pylist() == [train for train, _ in users]
    assert [len(items) for items in found.column("items").to_pylist()] == [length for _, length in users]
    assert [item for items in found.column("items").to_pylist() for item in items] == [item for item, _ in expected]
    assert [t for times in found.column("timestamp").to_pylist() for t in times] == [time for _, time in expected]


def test_all_readers_give_the_same(store: Path, tmp_path: Path) -> None:
    items, cuts = both(store, tmp_path, pairs="700", shard_rows=90)
    for name, options in {
        "jsonl": ExportOptions(to="jsonl", ids="raw"), "npz": ExportOptions(to="npz"), "some": ExportOptions(limit=200)
    }.items():  # fmt: skip
        outputs = [tmp_path / f"{name}-{form.name}" for form in (items, cuts)]
        for form, output in zip((items, cuts), outputs, strict=True):
            export(form, output, options)
        written = [snapshot(output) if output.is_dir() else output.read_bytes() for output in outputs]
        for files in written:
            if isinstance(files, dict):
                del files["export.json"]  # it tells how the pairs were made
        assert written[0] == written[1], name
    found = []
    for form in (items, cuts):
        report = vars(stats(form, StatsOptions(), store=store))
        found.append(repr({key: value for key, value in report.items() if key != "source"}))
    assert found[0] == found[1]


def test_loaders_read_parts_of_blocks_and_some_columns(store: Path, tmp_path: Path) -> None:
    items, cuts = both(store, tmp_path, epochs=2, shard_rows=90)
    sources = [pickle.loads(pickle.dumps(PairsDirectory(form))) for form in (items, cuts)]  # noqa: S301  # ours
    assert sources[0].schema.equals(sources[1].schema)
    for epoch in (0, 1):
        blocks = [source.blocks("train", epoch) for source in sources]
        assert blocks[0] == blocks[1]
        segments = [Segment(block, 1, block.rows - 1) for block in reversed(blocks[0])]
        for columns in (["target_item"], ["input_items", "target_timestamp"], ["user_num", "input_timestamp"]):
            read = [list(source.read("train", epoch, segments, columns)) for source in sources]
            assert [batch.to_pylist() for batch in read[0]] == [batch.to_pylist() for batch in read[1]]


def test_parts_of_cuts_merge(store: Path, tmp_path: Path) -> None:
    options = AugmentOptions(form="cuts", shard_rows=90)
    whole = augment(store, tmp_path / "whole.pairs", options)
    parts = [augment(store, tmp_path / "out.pairs", options, part=f"{number}/3").output for number in (1, 2, 3)]
    report = merge(parts)
    assert identity(tmp_path / "out.pairs") == identity(tmp_path / "whole.pairs")
    assert (report.files, report.bytes) == (whole.files, whole.bytes)
    assert whole.files == len(PairFiles(tmp_path / "whole.pairs").shards) + 1


def test_sequences_of_many_users_go_into_several_files(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_USERS_A_FILE", 23)
    monkeypatch.setattr(work, "_INTERACTIONS_A_GROUP", 40)
    items, cuts = both(store, tmp_path, shard_rows=50)
    assert len(list((cuts / "sequences").iterdir())) == 3
    assert {path: table.to_pylist() for path, table in rows(items).items()} == {
        path: table.to_pylist() for path, table in rows(cuts).items()
    }


def test_a_stream_and_a_plan(store: Path) -> None:
    """A stream holds items whatever the form; a plan knows that cuts take less."""
    options = {form: AugmentOptions(form=form) for form in ("items", "cuts")}
    streams = []
    for each in options.values():
        with augment_stream(store, each) as stream:
            streams.append(pa.Table.from_batches(stream.batches, stream.schema))
    assert streams[0].equals(streams[1])
    assert plan(store, options["cuts"])["bytes"] < plan(store, options["items"])["bytes"]


# ------------------------------------------------------------------------------------------------------------- damage


def rewritten(directory: Path, name: str, change: Any) -> None:
    """Change a file of a pairs directory, and what the manifest says of it: only its numbers are wrong then."""
    path = directory / name
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    now = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    rewrite(directory / NAME, lambda manifest: [file.update(now) for file in manifest["files"] if file["path"] == name])


def with_first(column: str, value: int) -> Any:
    """Return what puts a number into the first row of a column."""

    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_numpy().copy()
        values[0] = value
        index = table.schema.get_field_index(column)
        return table.set_column(index, table.schema.field(column), pa.array(values, pa.int32()))

    return change


@pytest.mark.parametrize(
    ("column", "value"), [("user_num", 0), ("user_num", 61), ("input_start", 0), ("target_position", 99)]
)
def test_a_cut_that_is_none(store: Path, tmp_path: Path, column: str, value: int) -> None:
    _, cuts = both(store, tmp_path)
    rewritten(cuts, "data/train-00000-of-00001.parquet", with_first(column, value))
    with pytest.raises(IntegrityError, match=r"train-00000-of-00001.parquet: user"):
        verify(cuts)
    with pytest.raises(IntegrityError, match=r"train-00000-of-00001.parquet: user"):
        export(cuts, tmp_path / "out", ExportOptions())


def test_a_cut_of_what_is_held_out(store: Path, tmp_path: Path) -> None:
    """A training pair must not reach beyond the training sequence, though the whole one stands beside it."""
    _, cuts = both(store, tmp_path)
    sequences = pq.read_table(cuts / "sequences" / "sequences-00000-of-00001.parquet")
    length = np.array([len(items) for items in sequences["items"].to_pylist()])
    held_out = np.flatnonzero(length > sequences["train_length"].to_numpy())
    if len(held_out) == 0:
        assert json.loads((cuts / NAME).read_text())["split"]["rule"] == "none"
        return
    user = int(held_out[0])

    def leak(table: pa.Table) -> pa.Table:
        return with_first("target_position", int(length[user]))(with_first("user_num", user + 1)(table))

    rewritten(cuts, "data/train-00000-of-00001.parquet", leak)
    with pytest.raises(IntegrityError, match=f"user {user + 1} has no training pair of target position"):
        rows(cuts)


def test_missing_sequences(store: Path, tmp_path: Path) -> None:
    _, cuts = both(store, tmp_path)
    (cuts / "sequences" / "sequences-00000-of-00001.parquet").unlink()
    for use in (lambda: verify(cuts), lambda: rows(cuts), lambda: PairsDirectory(cuts)):
        with pytest.raises(IntegrityError, match="is missing, but the manifest lists it"):
            use()


def test_changed_sequences(store: Path, tmp_path: Path) -> None:
    """With the store, verify sees that a sequence is another one, though all numbers are possible."""
    _, cuts = both(store, tmp_path)

    def change(table: pa.Table) -> pa.Table:
        items = table["items"].to_pylist()
        longest = max(range(len(items)), key=lambda user: len(items[user]))
        items[longest] = [item % 30 + 1 for item in items[longest]]
        index = table.schema.get_field_index("items")
        return table.set_column(index, table.schema.field("items"), pa.array(items, table.schema.field("items").type))

    rewritten(cuts, "sequences/sequences-00000-of-00001.parquet", change)
    verify(cuts)
    with pytest.raises(IntegrityError, match="does not match its source sequence"):
        verify(cuts, store=store)
