"""Inputs that are damaged in one place are refused as they are read; `tests/faults/fuzz.py` finds more."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.runtime.object_storage.locations import file_digest
from tests.support import Genpas, InProcess, refused, rewrite, unchanged

DATA, USAGE, MACHINE, INTEGRITY = 1, 2, 3, 4


@pytest.fixture
def damaged(inside: InProcess, made: Path) -> Path:
    """A copy of the pairs, to be damaged."""
    return Path(shutil.copytree(made / "log.pairs", inside.cwd / "log.pairs"))


def rewritten(pairs: Path, shard: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of a shard, and make all digests anew, so that the rows themselves count."""
    pq.write_table(change(pq.read_table(shard)), shard)
    name = shard.relative_to(pairs).as_posix()
    now = {"bytes": shard.stat().st_size, "sha256": file_digest(shard)}
    rewrite(pairs / "manifest.json", lambda all_: [file.update(now) for file in all_["files"] if file["path"] == name])


def with_column(name: str, values: Callable[[int], Any]) -> Callable[[pa.Table], pa.Table]:
    """Return the change of a column's values; its field stays."""

    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        return table.set_column(at, table.schema.field(at), values(len(table)).cast(table.schema.field(at).type))

    return change


CHANGES: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "an item beyond the vocabulary": (
        with_column("target_item", lambda rows: pa.array([10**6] * rows)), "target_item 1000000 is outside 1.."),
    "an item below 1": (
        with_column("target_item", lambda rows: pa.array([-1] * rows)), "target_item -1 is outside 1.."),
    "a user below 1": (with_column("user_num", lambda rows: pa.array([0] * rows)), "user_num 0 is outside 1.."),
    "an input too long": (
        with_column("input_items", lambda rows: pa.array([[1] * 51] * rows, pa.list_(pa.int32()))),
        "an input has 51 items",
    ),
    "an empty input": (
        with_column("input_items", lambda rows: pa.array([[]] * rows, pa.list_(pa.int32()))), "an input has 0 items"),
    "a column less": (lambda table: table.drop_columns(["input_start"]), "input_start"),
    "a column of texts": (
        lambda table: table.set_column(2, "target_item", pa.array(["x"] * len(table))), "has the columns"),
}  # fmt: skip


@pytest.mark.parametrize("command", [("export", "--to", "jsonl", "-o", "x"), ("export", "--to", "npz", "-o", "x")])
@pytest.mark.parametrize("what", CHANGES)
def test_a_shard_that_is_not_as_it_was_written(
    inside: InProcess, damaged: Path, what: str, command: tuple[str, ...]
) -> None:
    change, words = CHANGES[what]
    for shard in (damaged / "data").iterdir():
        rewritten(damaged, shard, change)
    done = inside(command[0], "log.pairs", *command[1:])
    refused(done, INTEGRITY, "log.pairs/data/", words)


def test_a_held_out_pair_with_a_start_of_its_own(inside: InProcess, store: Path) -> None:
    """The cut to two items makes the same input of either start, so nothing else in the pair is wrong."""
    inside("augment", store, "--max-input", "2", "-o", "log.pairs")
    pairs = inside.cwd / "log.pairs"
    shard = pairs / "data" / "test-00000-of-00001.parquet"
    rewritten(pairs, shard, with_column("input_start", lambda rows: pa.array([2] * rows)))
    assert inside("verify", "log.pairs").returncode == 0
    words = ("test-00000-of-00001.parquet, row 0", "does not start at the first interaction")
    refused(inside("verify", "log.pairs", "--store", store), INTEGRITY, *words)


def test_a_training_pair_whose_target_is_the_first_that_is_held_out(inside: InProcess, store: Path) -> None:
    inside("augment", store, "-o", "log.pairs")
    pairs = inside.cwd / "log.pairs"
    with duckdb.connect(str(store), read_only=True) as con:
        train = dict(con.sql("select user_num, train_length from users").fetchall())

    def change(table: pa.Table) -> pa.Table:
        position = [train[table["user_num"][0].as_py()] + 1, *table["target_position"].to_pylist()[1:]]
        return with_column("target_position", lambda _: pa.array(position))(table)

    rewritten(pairs, pairs / "data" / "train-00000-of-00001.parquet", change)
    words = ("train-00000-of-00001.parquet, row 0", "the target is held out")
    refused(inside("verify", "log.pairs", "--store", store), INTEGRITY, *words)


MANIFESTS: dict[str, Any] = {
    "users": "40", "items": -1, "pairs": 1.5, "epochs": 0, "max_input": "50", "keep": [1], "schema": [], "form": 7,
    "split": {"rule": None}, "strategy": {"name": "x", "alpha": []}, "source": [{"name": 1}], "files": [[]],
}  # fmt: skip


@pytest.mark.parametrize("key", MANIFESTS)
def test_a_manifest_with_a_value_of_another_kind(inside: InProcess, damaged: Path, key: str) -> None:
    rewrite(damaged / "manifest.json", lambda manifest: manifest.update({key: MANIFESTS[key]}))
    for command in (("verify", "log.pairs"), ("stats", "log.pairs"), ("export", "log.pairs", "--to", "csv", "-o", "x")):
        refused(inside(*command), INTEGRITY, "log.pairs/manifest.json", "damaged", key)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000], ids=["arrays", "objects"])
def test_a_manifest_nested_200_000_deep(inside: InProcess, damaged: Path, text: str) -> None:
    (damaged / "manifest.json").write_text(text, encoding="utf-8")
    refused(inside("verify", "log.pairs"), INTEGRITY, "log.pairs/manifest.json", "damaged")


STORES = {
    "drop table users": (DATA, "users.user_num"),
    "alter table interactions rename item_num to x": (DATA, "interactions.item_num"),
    "alter table users alter length type varchar": (DATA, "users.length"),
    "alter table sources rename bytes to x": (DATA, "sources.bytes"),
    "update meta set value = '\"x\"' where key = 'users'": (DATA, "users"),
    "update meta set value = '{}' where key = 'split'": (DATA, "split.rule"),
    "update meta set value = '{\"time\": 1}' where key = 'kept'": (DATA, "kept"),
    "update interactions set item_num = 999999": (INTEGRITY, "item_num 999999"),
    "update interactions set item_num = null": (INTEGRITY, "missing"),
    "update users set train_length = null": (INTEGRITY, "missing"),
    "update meta set value = json_merge_patch(value, '{\"dedup\": \"x\"}') where key = 'options'": (DATA, "damaged"),
    "update meta set value = '[1, \"x\"]' where key = 'time_range'": (DATA, "damaged"),
    "update sources set bytes = bytes + 1": (DATA, "damaged"),
    "update funnel set dropped = dropped + 1": (DATA, "damaged"),
    "delete from meta where key = 'sha256'": (DATA, "damaged"),
}

APPENDED_TO = {
    "insert into interactions from interactions limit 3": "was changed",
    "update users set user_id = user_id || 'x'": "was changed",
    "update interactions set user_num = null": "was changed",
    "update interactions set item_num = null": "was changed",
    "update interactions set time = null": "was changed",
    "create or replace table interactions as from interactions order by random()": "was changed",
    "update meta set value = json_merge_patch(value, '{\"value\": 1}') where key = 'options'": "damaged",
}


@pytest.mark.parametrize("statement", STORES)
def test_a_store_that_is_not_as_it_was_written(inside: InProcess, store: Path, statement: str) -> None:
    shutil.copy(store, inside.cwd / "bad.store")
    with duckdb.connect(str(inside.cwd / "bad.store")) as con:
        con.execute(statement)
    code, words = STORES[statement]
    for command in (("augment", "bad.store", "-o", "x.pairs"), ("stats", "bad.store")):
        refused(inside(*command), code, "bad.store", words, "genpas ingest")


def test_an_item_without_an_id(inside: InProcess, store: Path) -> None:
    shutil.copy(store, inside.cwd / "bad.store")
    with duckdb.connect(str(inside.cwd / "bad.store")) as con:
        con.execute("update items set item_id = null where item_num = 3")
    for form in ("items", "cuts"):
        done = inside("augment", "bad.store", "-o", "x.pairs", "--form", form)
        refused(done, INTEGRITY, "bad.store", "an id is missing", "genpas ingest")


@pytest.mark.parametrize("statement", APPENDED_TO)
def test_a_store_that_was_changed_is_not_appended_to(inside: InProcess, store: Path, statement: str) -> None:
    shutil.copy(store, inside.cwd / "log.store")
    with duckdb.connect(str(inside.cwd / "log.store")) as con:
        con.execute(statement)
    (inside.cwd / "day.csv").write_text("user_id,item_id,timestamp\nu1,i1,99999999\n", encoding="utf-8")
    with unchanged(inside.cwd):
        done = inside("ingest", "day.csv", "-o", "log.store", "--append")
    assert done.returncode in (DATA, INTEGRITY)
    refused(done, done.returncode, "log.store", APPENDED_TO[statement], "genpas ingest")


def test_a_vocabulary_of_other_columns(inside: InProcess, damaged: Path, log: Path) -> None:
    structs = pa.array([{"a": 1}, {"a": 2}])
    pq.write_table(pa.table({"item_num": pa.array([1, 2]), "item_id": structs}), damaged / "items.parquet")
    done = inside("ingest", log, "-o", "x.store", "--items", "log.pairs/items.parquet")
    refused(done, DATA, "items.parquet")
    pq.write_table(pa.table({"item_id": structs, "codes": [[1], [2]]}), inside.cwd / "codes.parquet")
    done = inside("export", "log.pairs", "--to", "jsonl", "-o", "x", "--semantic-ids", "codes.parquet")
    refused(done, DATA, "codes.parquet", "item_id has the type struct")


def test_a_column_name_that_is_not_utf_8(inside: InProcess, pairs: Path) -> None:
    shutil.copytree(pairs, inside.cwd / "log.pairs")
    pq.write_table(pa.table({"item_id": ["a"], "codesXY": [[1]]}), inside.cwd / "codes.parquet", compression="none")
    content = (inside.cwd / "codes.parquet").read_bytes()
    # The schema stands there twice: Parquet's own, and Arrow's, in Base64.
    (inside.cwd / "codes.parquet").write_bytes(content.replace(b"codesXY", b"codes\xff\xfe"))
    done = inside("export", "log.pairs", "--to", "jsonl", "-o", "x", "--semantic-ids", "codes.parquet")
    refused(done, DATA, "codes.parquet", "damaged")


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000], ids=["arrays", "objects"])
def test_a_line_of_json_nested_200_000_deep(inside: InProcess, text: str) -> None:
    rows = "".join(f'{{"user_id": "u{n % 3}", "item_id": "i{n}", "timestamp": {n}}}\n' for n in range(30))
    (inside.cwd / "log.jsonl").write_text(rows + text + "\n" + rows, encoding="utf-8")
    refused(inside("ingest", "log.jsonl", "-o", "x.store"), DATA, "log.jsonl", "line 31")
    (inside.cwd / "first.jsonl").write_text(text + "\n" + rows, encoding="utf-8")
    assert inside("ingest", "first.jsonl", "-o", "x.store").returncode == DATA


# -------------------------------------------------------------------------------------------------------- surroundings


def test_a_log_on_a_disk_that_fails(inside: InProcess) -> None:
    """The first page of a process's memory is a file whose reading is an I/O error."""
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc here")
    for name in ("log.csv", "log.parquet", "log.arrow"):
        (inside.cwd / name).symlink_to("/proc/self/mem")
        refused(inside("ingest", name, "-o", "x.store"), DATA, name, os.strerror(errno.EIO))


@pytest.mark.parametrize("number", [errno.EIO, errno.EDQUOT, errno.ENOSPC])
def test_a_disk_that_fails_when_it_is_synced(
    inside: InProcess, log: Path, store: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    words = os.strerror(errno.EIO) if number == errno.EIO else "no space left"
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("ingest", log, "-o", "x.store"), MACHINE, words)
        refused(inside("augment", store, "-o", "x.pairs", "--form", "items"), MACHINE, words)


def test_a_current_directory_that_is_gone(genpas: Genpas, log: Path) -> None:
    gone = genpas.cwd / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD" && exec "$@"'
    running = Genpas(gone, genpas.temp_dir, ("sh", "-c", script, "sh", *genpas.command))
    refused(running("ingest", log, "-o", "x.store"), MACHINE, "current directory no longer exists")


def test_no_thread_to_be_had(genpas: Genpas, log: Path) -> None:
    tools = shutil.which("prlimit"), shutil.which("setpriv")
    if os.geteuid() != 0 or None in tools:
        pytest.skip("needs root, prlimit and setpriv")
    shutil.copy(log, genpas.cwd)
    for directory in (genpas.cwd, genpas.temp_dir):
        directory.chmod(0o777)
    powers = "+dac_override,+dac_read_search"  # the interpreter may lie where only root reads
    user = (
        "setpriv",
        "--reuid=64321",
        "--regid=64321",
        "--clear-groups",
        f"--inh-caps={powers}",
        f"--ambient-caps={powers}",
    )
    limited = Genpas(genpas.cwd, genpas.temp_dir, ("prlimit", "--nproc=4", *user, *genpas.command))
    done: subprocess.CompletedProcess[str] = limited("ingest", "log.csv", "-o", "x.store")
    assert done.returncode == MACHINE, done.stderr
    assert "no more threads can be started" in done.stderr
    assert "ulimit -u" in done.stderr
    assert "Traceback" not in done.stderr
