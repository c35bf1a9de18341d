"""bzip2, xz and ZIP are read, whole or not at all; archives and what is compressed twice are named."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.ingest.files import containers
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read

LOG = ("user_id,item_id,timestamp\n" + "".join(f"u{n % 97},i{n * n % 1009},{n}\n" for n in range(3000))).encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def one_zipped(data: bytes) -> bytes:
    return zipped(("log.csv", data))


def tarred(data: bytes, kind: int = tarfile.USTAR_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {"bz2": bz2.compress, "xz": lzma.compress, "zip": one_zipped}


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("named", [True, False])
def test_containers_are_read_whatever_their_name(tmp_path: Path, kind: str, named: bool) -> None:  # noqa: FBT001
    file = made(tmp_path / (f"a.csv.{kind}" if named else "a.csv"), PACK[kind](LOG))
    log = read(file)
    assert len(log.rows) == 3000
    assert log.rows[-1] == ("u89", f"i{2999 * 2999 % 1009}", 2999)
    (report,) = log.staged.files
    assert (report.name, report.format, report.bytes) == (str(file), "csv", file.stat().st_size)
    assert report.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert report.content_sha256 == hashlib.sha256(LOG).hexdigest()


@pytest.mark.parametrize("kind", PACK)
def test_containers_come_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    del tmp_path
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(PACK[kind](LOG))))
    assert len(read("-").rows) == 3000


@pytest.mark.parametrize("kind", PACK)
def test_parquet_in_a_container_is_read(tmp_path: Path, kind: str) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"user": ["u"], "item": ["i"]}), sink)
    assert read(made(tmp_path / "a", PACK[kind](sink.getvalue()))).events == [("u", "i")]


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_container_is_refused(tmp_path: Path, kind: str, part: float) -> None:
    data = PACK[kind](LOG)
    with pytest.raises(DataError, match=r"a\.log: the (bzip2|xz|ZIP) data is truncated or corrupt"):
        read(made(tmp_path / "a.log", data[: int(len(data) * part)]))


@pytest.mark.parametrize("kind", PACK)
def test_a_flipped_bit_in_a_container_is_refused(tmp_path: Path, kind: str) -> None:
    data = bytearray(PACK[kind](LOG))
    data[len(data) // 3] ^= 16
    with pytest.raises(DataError, match="truncated or corrupt"):
        read(made(tmp_path / "a.log", bytes(data)))


@pytest.mark.parametrize(("kind", "between"), [("bz2", b""), ("xz", b""), ("xz", bytes(8))])
def test_streams_that_follow_each_other_are_one_file(tmp_path: Path, kind: str, between: bytes) -> None:
    data = PACK[kind](LOG[:5000]) + between + PACK[kind](LOG[5000:])
    assert len(read(made(tmp_path / "a.log", data)).rows) == 3000
    with pytest.raises(DataError, match="other data after its end"):
        read(made(tmp_path / "b.log", data + b"garbage"))
    broken = PACK[kind](LOG[:5000]) + between + b"X" + PACK[kind](LOG[5000:])[1:]
    with pytest.raises(DataError, match="truncated or corrupt"):
        read(made(tmp_path / "c.log", broken))


def test_what_a_zip_archive_holds_is_told(tmp_path: Path) -> None:
    assert (
        len(read(made(tmp_path / "a.zip", zipped(("d/", b""), ("d/a.csv", LOG), ("__MACOSX/._a", b"x")))).rows) == 3000
    )
    for content, what in (
        (zipped(("a.csv", LOG), ("b.csv", LOG)), r"a ZIP archive with 2 files \(a\.csv, b\.csv\)"),
        (zipped(), "contains no file"),
        (zipped(("[Content_Types].xml", b"x"), ("xl/workbook.xml", b"x")), "an Excel workbook"),
        (zipped(("a.npy", b"x"), ("b.npy", b"x")), "NumPy arrays"),
        (zipped(("m/data.pkl", b"x"), ("m/version", b"3")), "a PyTorch file"),
    ):
        with pytest.raises(DataError, match=what):
            read(made(tmp_path / "b.zip", content))
    data = bytearray(one_zipped(LOG))
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataError, match=r"log\.csv in this ZIP archive is encrypted"):
        read(made(tmp_path / "c.zip", bytes(data)))


@pytest.mark.parametrize("outer", [*PACK, "gz", "zst"])
@pytest.mark.parametrize("inner", [*PACK, "gz", "zst", "tar", "old tar"])
def test_what_is_packed_twice_is_named(tmp_path: Path, outer: str, inner: str) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {
        **PACK, "gz": gzip.compress, "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True), "tar": tarred,
        "old tar": lambda data: tarred(data).replace(b"ustar\x0000", bytes(8)),
    }  # fmt: skip
    content = pack[inner](LOG)
    if inner == "old tar":  # of before 1988: its sum is that of other bytes
        head = content[:148] + b" " * 8 + content[156:512]
        content = content[:148] + b"%06o\0 " % sum(head) + content[156:]
    names = {"bz2": "bzip2", "zip": "ZIP", "gz": "gzip", "zst": "(Zstandard|zstd)"}
    what = names.get(inner, "a tar archive" if "tar" in inner else inner)
    with pytest.raises(DataError, match=f"{what} inside {names.get(outer, outer)}, which is not a supported format"):
        read(made(tmp_path / "a.csv", pack[outer](content)))


def test_a_tar_archive_is_named_and_not_taken_for_utf16(tmp_path: Path) -> None:
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with pytest.raises(DataError, match="a tar archive, which is not a supported format"):
            read(made(tmp_path / "a.csv", tarred(LOG, kind)))


def test_what_grows_beyond_measure_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_NO_LOG_BELOW", 1 << 20)
    with pytest.raises(DataError, match="decompress to more than"):
        read(made(tmp_path / "a.csv", bz2.compress(bytes(1 << 25))))
