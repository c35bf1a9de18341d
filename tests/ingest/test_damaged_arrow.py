"""Arrow data whose bytes are damaged is refused, and never followed: a wrong offset would end the process."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read

ROWS = 300
LENGTH = 123_457
"""Rows that no other number in a file is likely to be."""


def ipc(kind: str, batch: pa.RecordBatch, compression: str | None = None) -> bytes:
    """Return a file or a stream of Arrow with one batch."""
    sink = pa.BufferOutputStream()
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with new(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def texts(type_: Any = pa.string()) -> pa.RecordBatch:  # noqa: B008  # a constant
    """Return a batch claims users, items and times."""
    users, items = (pa.array([f"{letter}{n % 9}" for n in range(ROWS)]).cast(type_) for letter in "ui")
    return pa.record_batch({"user_id": users, "item_id": items, "timestamp": pa.array(range(ROWS))})


@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("wrong", [-1, 10**6, -(2**31)], ids=["negative", "beyond", "least"])
@pytest.mark.parametrize(("type_", "width"), [(pa.string(), "i"), (pa.large_string(), "q")], ids=["string", "large"])
def test_an_offset_that_leads_out_of_its_column(tmp_path: Path, kind: str, wrong: int, type_: Any, width: str) -> None:
    good = ipc(kind, texts(type_))
    place = good.index(struct.pack(f"<4{width}", 20, 22, 24, 26))
    damaged = good[:place] + struct.pack(f"<{width}", wrong) + good[place + struct.calcsize(width) :]
    (tmp_path / "log.arrow").write_bytes(damaged)
    with pytest.raises(DataError, match=r"log\.arrow.*corrupt.*[Oo]ffset") as caught:
        read(tmp_path / "log.arrow")
    assert "Traceback" not in str(caught.value)


def test_a_dictionary_index_that_leads_out_of_it(tmp_path: Path) -> None:
    values = pa.array(["u1", "u2"])
    users = pa.DictionaryArray.from_arrays(pa.array([0, 1, 77] * 5, pa.int32()), values, safe=False)
    batch = pa.record_batch({"user_id": users, "item_id": pa.array(range(15))})
    (tmp_path / "log.arrow").write_bytes(ipc("file", batch))
    with pytest.raises(DataError, match=r"log\.arrow.*corrupt.*out of bounds"):
        read(tmp_path / "log.arrow")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    content = ipc("file", texts())
    (tmp_path / "log.arrow").write_bytes(content.replace(b"u1u2", b"u\xffu2"))
    with pytest.raises(DataError, match=r"log\.arrow.*UTF-?8"):
        read(tmp_path / "log.arrow")


@pytest.mark.parametrize("length", [2**31 - 1, 2**62])
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_length_that_has_no_bytes_behind_it(tmp_path: Path, kind: str, length: int) -> None:
    """Columns of nulls and runs of any length are valid: a damaged one would keep genpas busy for years."""
    nulls = pa.nulls(LENGTH)
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([LENGTH], pa.int64()), pa.array(["u1"]))
    for number, column in enumerate((nulls, runs)):
        content = ipc(kind, pa.record_batch({"user_id": column, "item_id": column}))
        damaged = content.replace(struct.pack("<q", LENGTH), struct.pack("<q", length))
        assert damaged != content
        (tmp_path / f"{number}.arrow").write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{number}\.arrow.*a batch claims {length:,} rows"):
            read(tmp_path / f"{number}.arrow")


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_good_file_is_read_as_before(tmp_path: Path, kind: str, compression: str | None) -> None:
    (tmp_path / "log.arrow").write_bytes(ipc(kind, texts(), compression))
    log = read(tmp_path / "log.arrow")
    assert len(log.rows) == ROWS
    assert log.events[:2] == [("u0", "i0"), ("u1", "i1")]
