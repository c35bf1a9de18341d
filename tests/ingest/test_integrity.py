"""Damage is found even where DuckDB would read on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write

# Ids that hardly compress, so that a cut or a flip falls into data.
ROWS = "".join(f"u{n % 977},i{hashlib.md5(b'%d' % n, usedforsecurity=False).hexdigest()},{n}\n" for n in range(20_000))
CSV = "user_id,item_id,timestamp\n" + ROWS


def test_the_digest_is_that_of_the_raw_bytes(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz", "a.csv.zst"):
        file = write(tmp_path / name, CSV)
        report = read(file).staged.files[0]
        assert report.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (report.bytes, report.rows) == (file.stat().st_size, 20_000)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(tmp_path: Path, suffix: str) -> None:
    data = write(tmp_path / f"a.csv{suffix}", CSV).read_bytes()
    for part in (0.05, 0.3, 0.5, 0.8, 0.99):
        cut = tmp_path / f"cut.csv{suffix}"
        cut.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(DataError, match=r"cut\.csv.*truncated or corrupt"):
            read(cut)


def test_a_flipped_bit_in_gzip_is_refused(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.csv.gz", CSV).read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "a.csv.gz").write_bytes(data)
    with pytest.raises(DataError, match="truncated or corrupt"):
        read(tmp_path / "a.csv.gz")


def test_a_file_of_several_gzip_members_is_whole(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv.gz", CSV).read_bytes()
    two = write(tmp_path / "b.csv.gz", ROWS).read_bytes()
    (tmp_path / "c.csv.gz").write_bytes(one + two)
    assert len(read(tmp_path / "c.csv.gz").rows) == 40_000


@pytest.mark.parametrize("at", [100, 400_000])
def test_a_nul_byte_is_found_with_its_line(tmp_path: Path, at: int) -> None:
    data = CSV.encode()
    data = data * (1 + at // len(data))
    file = write(tmp_path / "a.csv", data[:at] + b"\0" + data[at:])
    with pytest.raises(DataError, match=rf"line {data[:at].count(10) + 1}: a NUL byte"):
        read(file)


@pytest.mark.parametrize("filler", [10, 100_000])
def test_invalid_utf8_is_found_with_its_line_in_columns_that_are_not_read(tmp_path: Path, filler: int) -> None:
    text = "user_id,item_id,name\n" + "u,i,caf\u00e9\n" * filler
    file = write(tmp_path / "a.csv", text.encode() + b"u,i,caf\xe9\n")
    with pytest.raises(DataError, match=rf"line {filler + 2}: not valid UTF-8") as caught:
        read(file)
    assert "--text-encoding" in str(caught.value.tip)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["u"] * 1000, "item_id": ["i"] * 1000})
    pq.write_table(table, tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="Parquet file is truncated or corrupt"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_truncated_arrow_file_is_refused(tmp_path: Path, kind: str) -> None:
    table = pa.table({"user_id": [f"u{n}" for n in range(10_000)], "item_id": ["i"] * 10_000})
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with new(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    data = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(data[: int(len(data) * 0.6) + 1])
    with pytest.raises(DataError, match="truncated or corrupt"):
        read(tmp_path / "a.arrow")
