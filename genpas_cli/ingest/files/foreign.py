"""Names files that are not logs by their first bytes: archives, documents, databases and other binary formats."""

from __future__ import annotations

import re

_BLOCK = 512
"""Bytes in the header of a tar member."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"Obj\x01", "an Avro file"),
    (b"FEA1", "a Feather file of version 1"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document (.xls, .doc)"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "compressed with snappy"),
    (b"LZIP", "compressed with lzip"),
    (b"\x5d\x00\x00\x80\x00", "compressed with lzma"),
    (b"\x1f\x9d", "compressed with compress (.Z)"),
    (b"\x89LZO\0", "compressed with lzop"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (b"RDX2\n", "an R data file"),
    (b"RDX3\n", "an R data file"),
    (b"X\n\0\0\0", "an R data file (.rds)"),
    (b"$FL2", "an SPSS file"),
    (b"<stata_dta>", "a Stata file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"\xac\xed\x00\x05", "a serialised Java object"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer (git lfs pull fetches the file itself)"),
    (b"-----BEGIN PGP", "encrypted with PGP"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95.{8})?[\x80-\xff(}\]cC\x8cX)KMJGN]", re.DOTALL)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(!doctype\s+html|html|\?xml|svg)", re.IGNORECASE)
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]*")


def foreign(head: bytes) -> str | None:
    """Return the kind of a file that cannot be a log, by its first decompressed bytes; None if it may be a log."""
    if is_tar(head):
        return "a tar archive"
    if found := next((what for magic, what in _MAGIC if head.startswith(magic)), None):
        return found
    if _PICKLE.match(head):
        return "a Python pickle"
    if markup := _MARKUP.match(head):
        return "an XML document" if markup[1].lower() == b"?xml" else "an HTML page"
    return None


def is_tar(head: bytes) -> bool:
    """Tell whether bytes begin with the header of a tar member, by its magic or, in old archives, its checksum."""
    block = head[:_BLOCK]
    if len(block) < _BLOCK:
        return False
    if block[257:262] == b"ustar":
        return True
    written = block[148:156].strip(b" \0")
    if not re.fullmatch(rb"[0-7]{1,7}", written):
        return False
    return int(written, 8) == sum(block[:148]) + 8 * ord(" ") + sum(block[156:])


def is_utf16(head: bytes) -> bool:
    """Tell whether bytes look like UTF-16 without a byte order mark: every second one mostly zero, the others ASCII."""
    sample = head[:64] if len(head) > 1 else b""
    even, odd = sample[::2], sample[1::2]
    return any(
        zeros.count(0) > len(zeros) // 2 and letters.count(0) == 0 and _PRINTABLE.fullmatch(letters) is not None
        for zeros, letters in ((odd, even), (even, odd))
        if letters
    )
