"""Decompresses bzip2, xz and ZIP, which DuckDB does not read, into the scratch directory, checking every byte.

gzip and Zstandard are read in place (`source_files.open_bytes`).
"""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol

from genpas_cli.ingest.files.foreign import is_tar
from genpas_cli.ingest.files.source_files import SourceFile, compression_of
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.machine import check_disk, disk_error
from genpas_cli.runtime.text.shell import shell_word

_CHUNK = 1 << 20
_MOST_TIMES, _NO_LOG_BELOW = 1000, 1 << 30
"""Limits on decompression: logs compress 10- to 50-fold, so output over 1 GiB that is more than 1,000 times its input
is not a log."""
_XZ_MEMORY = 1 << 30
_BZIP2, _XZ = b"BZh", b"\xfd7zXZ\0"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENCRYPTED = 0x1
_KNOWN_ZIPS = (
    ("xl/", "an Excel workbook (.xlsx)"), ("word/", "a Word document (.docx)"), ("ppt/", "a PowerPoint file (.pptx)"),
    ("META-INF/MANIFEST.MF", "a Java archive (.jar)"), ("mimetype", "an OpenDocument file (.ods, .odt)"),
)  # fmt: skip
_TEXT_TIP = "Convert the table to CSV or Parquet first."


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _new_xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def container_of(path: Path) -> str | None:
    """Return `bzip2`, `xz` or `ZIP` by a file's first bytes; None for any other file."""
    with path.open("rb") as stream:
        head = stream.read(6)
    if head.startswith(_BZIP2) and head[3:4].isdigit():
        return "bzip2"
    if head.startswith(_XZ):
        return "xz"
    return "ZIP" if head.startswith(_ZIP) else None


def unpacked(source: SourceFile, copy: Path) -> SourceFile:
    """Return a decompressed copy of the source if it is bzip2, xz or ZIP; else the source itself.

    Args:
        source: the file.
        copy: path of the copy.

    Raises:
        DataError: the file is truncated, damaged, encrypted or compressed twice, or a ZIP archive of several files.
        MachineError: not enough disk space for the copy.
    """
    kind = container_of(source.path)
    if kind is None:
        return source
    if kind == "ZIP":
        _unzip(source, copy)
    else:
        new: Callable[[], _Decompressor] = bz2.BZ2Decompressor if kind == "bzip2" else _new_xz
        with source.path.open("rb") as stream:
            _write(_streams(source, stream, kind, new), source, copy)
    _refuse_twice(source, kind, copy)
    return replace(source, path=copy)


def _streams(source: SourceFile, stream: BinaryIO, kind: str, new: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Yield the decompressed bytes of all concatenated streams of a file.

    Python's own readers silently ignore a further stream whose beginning is damaged.
    """
    magic = _BZIP2 if kind == "bzip2" else _XZ
    data, decompressor = stream.read(_CHUNK), new()
    while data:
        try:
            yield decompressor.decompress(data, _CHUNK)
            while not (decompressor.eof or decompressor.needs_input):
                yield decompressor.decompress(b"", _CHUNK)
        except (OSError, lzma.LZMAError, ValueError, EOFError) as error:
            raise _damaged(source, kind, str(error)) from error
        if not decompressor.eof:
            data = stream.read(_CHUNK)
            continue
        data = decompressor.unused_data or stream.read(_CHUNK)
        if kind == "xz":
            while data and not (data := data.lstrip(b"\0")):  # xz pads its streams with zeros
                data = stream.read(_CHUNK)
        while data and len(data) < len(magic) and (more := stream.read(_CHUNK)):
            data += more
        if not data:
            return
        if not data.startswith(magic):
            raise _damaged(source, kind, "there is other data after its end")
        decompressor = new()
    raise _damaged(source, kind, "it ends unexpectedly")


def _unzip(source: SourceFile, copy: Path) -> None:
    try:
        with zipfile.ZipFile(source.path) as archive:
            member = _one_member(source, archive)
            tip = "Choose another place with --temp-dir."
            check_disk(copy, member.file_size, what=f"a decompressed copy of {source.name}", tip=tip)
            with archive.open(member) as stream:
                _write(iter(lambda: stream.read(_CHUNK), b""), source, copy)
    except (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise _damaged(source, "ZIP", str(error)) from error
    except (NotImplementedError, RuntimeError) as error:
        raise DataError(f"{source.name}: this ZIP archive cannot be decompressed ({error})") from error


def _one_member(source: SourceFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_litter(member.filename)]
    names = [member.filename for member in members]
    if not members:
        raise DataError(f"{source.name}: the ZIP archive contains no file")
    for start, what in _KNOWN_ZIPS:
        if any(name == start or (start.endswith("/") and name.startswith(start)) for name in names):
            raise DataError(f"{source.name}: {what}, which is not a supported format", tip=_TEXT_TIP)
    if all(name.endswith(".npy") for name in names):
        raise DataError(f"{source.name}: NumPy arrays (.npz), which are not a supported format", tip=_TEXT_TIP)
    if any(name.endswith("/data.pkl") for name in names):
        raise DataError(f"{source.name}: a PyTorch file (.pt), which is not a supported format", tip=_TEXT_TIP)
    if len(members) > 1:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004  # shown
        pipe = f"unzip -p {shell_word(source.name)} {shell_word(names[0])} | genpas ingest - -o STORE"
        raise DataError(
            f"{source.name}: a ZIP archive with {len(members)} files ({shown}); only ZIP archives with a single file "
            "are supported",
            tip=f"Unzip it and pass the files of the log as arguments, or pipe one file: {pipe}",
        )
    if members[0].flag_bits & _ENCRYPTED:
        raise DataError(f"{source.name}: {names[0]} in this ZIP archive is encrypted", tip="Decrypt it first.")
    return members[0]


def _is_litter(name: str) -> bool:
    """Tell whether a member is a file that macOS or Windows adds to directories."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] in (".DS_Store", "Thumbs.db")


def _write(chunks: Iterable[bytes], source: SourceFile, copy: Path) -> None:
    size, written = source.path.stat().st_size, 0
    try:
        with copy.open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
                written += len(chunk)
                if written > max(_NO_LOG_BELOW, size * _MOST_TIMES):
                    raise DataError(
                        f"{source.name}: its {size:,} bytes decompress to more than {written:,} bytes, which cannot "
                        "be a log"
                    )
    except OSError as error:
        if error.errno is None:
            raise _damaged(source, "compressed", str(error)) from error
        raise disk_error(error, copy.parent, option="--temp-dir") from error


def _refuse_twice(source: SourceFile, kind: str, copy: Path) -> None:
    inner = container_of(copy) or {"gzip": "gzip", "zstd": "Zstandard"}.get(compression_of(copy))
    if inner is None:
        with copy.open("rb") as stream:
            inner = "a tar archive" if is_tar(stream.read(512)) else None
    if inner is not None:
        raise DataError(
            f"{source.name}: {inner} inside {kind}, which is not a supported format", tip="Decompress it first."
        )


def _damaged(source: SourceFile, kind: str, detail: str) -> DataError:
    check = {"bzip2": "bzip2 -t", "xz": "xz -t", "ZIP": "unzip -t"}.get(kind)
    tip = f"Check it: {check} {shell_word(source.name)}" if check else "Download or compress the file again."
    return DataError(f"{source.name}: the {kind} data is truncated or corrupt ({detail})", tip=tip)
