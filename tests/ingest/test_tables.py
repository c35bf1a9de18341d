"""Tables of other systems and addresses that are not read are refused by name; the same content twice too."""

from __future__ import annotations

import bz2
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.runtime.errors import DataError, UsageError
from tests.ingest.support import read, write

LOG = "user_id,item_id,timestamp\nu,i,1\nu,j,2\n"
TABLES = {
    "Delta Lake": "_delta_log/00000000000000000000.json",
    "Iceberg": "metadata/v1.metadata.json",
    "Hudi": ".hoodie/x",
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(
    "given", ["shop", "shop/day=1", "shop/*/*.parquet", "shop/day=1/a.parquet", ".", "**/a.parquet"]
)
def test_a_table_is_never_read_by_its_data_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "shop" / TABLES[kind], "{}")
    (tmp_path / "shop/day=1").mkdir()
    pq.write_table(pa.table({"user": ["u"], "item": ["i"]}), tmp_path / "shop/day=1/a.parquet")
    with pytest.raises(DataError, match=rf"shop.*a table of {kind}"):
        read(given)


def test_a_directory_called_metadata_is_no_table(tmp_path: Path) -> None:
    write(tmp_path / "shop/metadata/readme.csv", LOG)
    assert len(read(tmp_path / "shop").rows) == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://x.org/a/b.csv?v=1", ("https://", "curl -L -o b.csv 'https://x.org/a/b.csv?v=1'")),
        ("http:/x.org/b.csv", ("http://", "curl -L -o b.csv http://x.org/b.csv")),
        ("hf://datasets/a/b/c.parquet", ("hf://", "hf download --repo-type dataset a/b")),
        ("hdfs://node/a/b.csv", ("hdfs://", "hdfs dfs -get hdfs://node/a/b.csv b.csv")),
        ("abfs://c@a.dfs.core.windows.net/x", ("abfs://", "Copy the files to a local disk first")),
        ("s3a://b/x.csv", ("s3a://", "Write it as s3://b/x.csv")),
        ("file:///data/a b.csv", ("file://", "genpas ingest '/data/a b.csv' -o STORE")),
        ("whatever://x", ("whatever://", "local disk")),
    ],
)
def test_an_address_that_is_not_read_says_what_to_do(address: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        read(address)
    assert all(word in str(caught.value) for word in words)


def test_the_same_content_twice_is_refused_whatever_it_is_packed_in(tmp_path: Path) -> None:
    plain = write(tmp_path / "logs/a.csv", LOG)
    others = [write(tmp_path / f"logs/deep/{name}", LOG) for name in ("b.csv", "c.csv.gz", "d.csv.zst")]
    (tmp_path / "e.bz2").write_bytes(bz2.compress(LOG.encode()))
    for other in (*others, tmp_path / "e.bz2"):
        with pytest.raises(DataError, match=rf"{other.name} has the same content as .*a\.csv") as caught:
            read(plain, other)
        assert "--allow-duplicate-files" in str(caught.value.tip)
    with pytest.raises(DataError, match="has the same content"):
        read(tmp_path / "logs")
    log = read(plain, others[1], allow_duplicate_files=True)
    assert len(log.rows) == 4
    assert log.staged.notes == (f"{others[1]} has the same content as {plain}; both files are read",)


def test_mere_headers_may_be_the_same(tmp_path: Path) -> None:
    header = LOG.split("\n", maxsplit=1)[0] + "\n"
    files = [write(tmp_path / name, header) for name in ("a.csv", "b.csv.gz")]
    assert len(read(*files, write(tmp_path / "c.csv", LOG)).rows) == 2


def test_the_same_content_in_two_partitions_is_not_the_same(tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"logs/day={day}/a.csv", "user,item\nu,i\n")
    assert len(read(tmp_path / "logs", time="day").rows) == 2
    with pytest.raises(DataError, match="has the same content"):
        read(tmp_path / "logs", hive=False)
