"""Locations of pairs: a local directory, or a prefix on object storage with the same few methods."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from genpas_cli.runtime.object_storage import remote, uris

T = TypeVar("T")


class StorageLocation:
    """A file or prefix on object storage. Methods raise DataError if the storage cannot be reached.

    Args:
        uri: URI of the file or prefix, such as `s3://bucket/key`.
    """

    def __init__(self, uri: str | Path) -> None:
        self._uri = remote.normal(uri)

    def __str__(self) -> str:
        return self._uri

    def __truediv__(self, name: str) -> StorageLocation:
        return StorageLocation(f"{self._uri}/{name}")

    @property
    def name(self) -> str:
        """The last part of the URI."""
        return self._uri.rpartition("/")[2]

    def absolute(self) -> StorageLocation:
        """Return self, since a URI is absolute."""
        return self

    def exists(self) -> bool:
        """Tell whether the file or prefix exists."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Tell whether the location is a file."""
        return remote.is_file(self._uri)

    def is_dir(self) -> bool:
        """Tell whether there are files below the prefix."""
        return bool(remote.files_below(self._uri))

    def read_text(self, encoding: str) -> str:
        """Return the content of the file."""
        return remote.tried(self._uri, lambda file: str(file.read(), encoding))


Location = Path | StorageLocation


def location_of(name: str | Path | StorageLocation) -> Location:
    """Return the location of a name: a StorageLocation for an s3:// or gs:// URI, else a Path.

    Raises:
        UsageError: the name is an invalid or unsupported URI.
    """
    if isinstance(name, StorageLocation):
        return name
    return StorageLocation(name) if uris.is_remote(name) else Path(name)


def read_from(place: Location, read: Callable[[Any], T]) -> T:
    """Return the result of `read`, called with a local file's path, or with an open remote file (and again on retry).

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: the storage cannot be reached.
    """
    return remote.tried(str(place), read) if isinstance(place, StorageLocation) else read(place)


def files_below(place: Location) -> dict[str, int]:
    """Return relative name → size in bytes of the files below a directory."""
    if isinstance(place, StorageLocation):
        return remote.files_below(str(place))
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in files}


def file_version(place: Location) -> tuple[int, ...]:
    """Return numbers that change whenever a file is replaced or written to, even with equal content.

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: the storage cannot be reached.
    """
    if isinstance(place, StorageLocation):
        return remote.file_version(str(place))
    found = place.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def file_digest(place: Location) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    if isinstance(place, StorageLocation):
        digest = hashlib.sha256()
        for block in remote.blocks(remote.stat(str(place))):
            digest.update(block)
        return digest.hexdigest()
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
