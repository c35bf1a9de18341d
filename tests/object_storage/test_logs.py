"""Logs on object storage, read from a real S3 server on this machine."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from genpas_cli import DataError, MachineError, UsageError, augment
from genpas_cli.augment import outputs
from genpas_cli.ingest.files.source_files import find_sources
from genpas_cli.runtime.object_storage.remote import find, is_remote
from tests.object_storage.conftest import Bucket, Cutting
from tests.support import Genpas, identity, refused, small_log, snapshot, tmpfs


def test_what_means_object_storage() -> None:
    for name in ("s3://bucket/key", "gs://bucket/key", "s3:/bucket/key", Path("s3://bucket/key")):
        assert is_remote(name)
    for name in ("s3", "logs/s3:x", "./s3://bucket", "http://host/x", "-", "s3://"):
        assert not is_remote(name)


def test_a_file_a_pattern_and_a_prefix(bucket: Bucket) -> None:
    keys = ("day=1/a.csv", "day=1/b.csv", "day=2/a.csv", "day=2/deep/c.csv", "_SUCCESS", "day=1/.hidden")
    for key in keys:
        bucket.put(key, b"x" * len(key))
    here = f"s3://{bucket.name}"
    expected = {
        f"{here}/day=1/a.csv": ["day=1/a.csv"],
        f"{here}/*/a.csv": ["day=1/a.csv", "day=2/a.csv"],
        f"{here}/day=[12]/?.csv": ["day=1/a.csv", "day=1/b.csv", "day=2/a.csv"],
        f"{here}/**/*.csv": ["day=1/a.csv", "day=1/b.csv", "day=2/a.csv", "day=2/deep/c.csv"],
        here: ["day=1/a.csv", "day=1/b.csv", "day=2/a.csv", "day=2/deep/c.csv"],
        f"{here}/day=1/": ["day=1/a.csv", "day=1/b.csv"],
    }
    for name, found in expected.items():
        assert [(file.uri, file.size) for file in find(name)] == [(f"{here}/{key}", len(key)) for key in found], name
    for name in (f"{here}/nosuch", f"{here}/*.parquet", "s3://no-such-bucket/x"):
        with pytest.raises(DataError, match=r"no such file|the bucket 'no-such-bucket' does not exist"):
            find(name)


def contents(store: Path) -> list[Any]:
    """Return the interactions of a store."""
    with duckdb.connect(str(store), read_only=True) as con:
        return con.sql("select * from interactions order by rowid").fetchall()


def test_a_store_of_logs_there_is_that_of_logs_here(bucket: Bucket, genpas: Genpas) -> None:
    rows = small_log(200).splitlines(keepends=True)
    parts = {"day=2024-01-01/a.csv.gz": rows[:900], "day=2024-01-02/b.csv.gz": [rows[0], *rows[900:]]}
    for key, lines in parts.items():
        content = gzip.compress("".join(lines).encode(), mtime=0)
        (genpas.cwd / key).parent.mkdir()
        (genpas.cwd / key).write_bytes(content)
        bucket.put(f"logs/{key}", content)
    hive = ("--hive", "--keep", "day")
    assert genpas("ingest", "day=2024-01-01", "day=2024-01-02", "-o", "here.store", *hive).returncode == 0
    done = genpas("ingest", f"s3://{bucket.name}/logs", "-o", "there.store", *hive)
    assert done.returncode == 0, done.stderr
    assert contents(genpas.cwd / "there.store") == contents(genpas.cwd / "here.store")
    with duckdb.connect(str(genpas.cwd / "there.store"), read_only=True) as con:
        assert con.sql("select name from sources order by 1").fetchall() == [
            (f"s3://{bucket.name}/logs/{key}",) for key in parts
        ]
    assert snapshot(genpas.temp_dir) == {}


def test_a_cut_connection_is_taken_up_again(bucket: Bucket, tmp_path: Path, cutting: Callable[..., Cutting]) -> None:
    content = small_log(4000).encode()
    uri = bucket.put("log.csv", content)
    way = cutting(after=100_000, times=2)
    (file,) = find_sources([uri], scratch=tmp_path)
    assert way.cut == 2
    assert file.path.read_bytes() == content


def test_a_connection_that_is_always_cut_is_an_error(
    bucket: Bucket, genpas: Genpas, cutting: Callable[..., Cutting]
) -> None:
    uri = bucket.put("log.csv", small_log(4000).encode())
    cutting(after=100_000, times=1000)
    done = genpas("ingest", uri, "-o", "log.store", timeout=100)
    refused(done, 1, uri, "cannot be read after", "of", "bytes", "AWS_ENDPOINT_URL")
    assert snapshot(genpas.cwd) == snapshot(genpas.temp_dir) == {}


def test_no_server_there(bucket: Bucket, genpas: Genpas) -> None:
    done = genpas.with_env(AWS_ENDPOINT_URL="http://127.0.0.1:9")("ingest", f"s3://{bucket.name}/x", "-o", "a.store")
    refused(done, 1, f"s3://{bucket.name}/x cannot be read", "AWS_ENDPOINT_URL")


def test_no_space_for_a_copy(bucket: Bucket, genpas: Genpas, tmp_path: Path) -> None:
    uri = bucket.put("log.csv", b"x" * 2_000_000)
    with tmpfs(tmp_path / "disk", "1m") as disk:
        done = genpas("ingest", uri, "-o", "log.store", "--temp-dir", disk)
        refused(done, 3, "not enough disk space", f"a copy of {uri}", "--temp-dir")


# ------------------------------------------------------------------------------------------------------------- outputs


def fetched(bucket: Bucket, prefix: str, target: Path) -> Path:
    """Copy a pairs directory here."""
    for key in bucket.objects():
        if key.startswith(f"{prefix}/"):
            (target / key).parent.mkdir(parents=True, exist_ok=True)
            (target / key).write_bytes(bucket.get(key))
    return target / prefix


def test_pairs_there_are_those_made_here(bucket: Bucket, store: Path, genpas: Genpas) -> None:
    options = ("--pairs", "2000", "--shard-rows", "300", "--user-ids", "raw")
    assert genpas("augment", store, "-o", "here.pairs", *options).returncode == 0
    done = genpas("augment", store, "-o", f"s3://{bucket.name}/there.pairs", *options)
    assert done.returncode == 0, done.stderr
    assert f"wrote s3://{bucket.name}/there.pairs" in done.stderr
    there = fetched(bucket, "there.pairs", genpas.cwd)
    assert identity(there) == identity(genpas.cwd / "here.pairs")
    assert snapshot(genpas.temp_dir) == {}


def test_what_is_there_is_not_touched(bucket: Bucket, store: Path) -> None:
    there = f"s3://{bucket.name}/out.pairs"
    augment(store, there)
    before = {key: bucket.get(key) for key in bucket.objects()}
    with pytest.raises(UsageError, match=f"{there} already exists"):
        augment(store, there)
    with pytest.raises(UsageError, match="--force can only be used with a local output directory"):
        augment(store, there, force=True)
    with pytest.raises(UsageError, match="--resume can only be used with a local output directory"):
        augment(store, there, resume=True)
    assert {key: bucket.get(key) for key in bucket.objects()} == before
    bucket.put("home/thesis.tex", b"years of work")
    with pytest.raises(UsageError, match=r"contains other files: thesis.tex"):
        augment(store, f"s3://{bucket.name}/home")


@pytest.mark.parametrize("name", ["data/train-00000-of-00001.parquet", "README.md", "items.parquet", "x/y"])
def test_an_object_of_somebody_else_is_never_written_over(bucket: Bucket, store: Path, name: str) -> None:
    bucket.put(f"out.pairs/{name}", b"mine")
    with pytest.raises(UsageError, match=f"contains other files: {name}"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    assert bucket.objects() == [f"out.pairs/{name}"]
    assert bucket.get(f"out.pairs/{name}") == b"mine"


def test_an_upload_that_fails_leaves_nothing(
    bucket: Bucket, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genpas_cli.runtime.object_storage.remote import uploaded

    sent: list[str] = []

    def fails(file: Path, uri: str) -> None:
        if len(sent) == 3:
            raise MachineError(f"cannot write {uri}")
        sent.append(uri)
        uploaded(file, uri)

    monkeypatch.setattr(outputs, "uploaded", fails)
    with pytest.raises(MachineError, match="cannot write s3"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    assert len(sent) == 3
    assert bucket.objects() == []
    assert list(tmp_path.iterdir()) == []


def test_bad_rows_of_a_log_there(bucket: Bucket, genpas: Genpas) -> None:
    uri = bucket.put("log.csv", b"user_id,item_id\na,1\na,2\na,3\na,4\nb\n")
    done = genpas("augment", uri, "-o", f"s3://{bucket.name}/log.pairs", "--bad-rows", "skip")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in genpas.cwd.iterdir()) == ["log.pairs.rejects.csv"]
