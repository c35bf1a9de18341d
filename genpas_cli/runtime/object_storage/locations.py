"""Where pairs are read: a directory here, or a prefix on object storage, which has the few methods of a path needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from genpas_cli.runtime.object_storage import remote, uris

T = TypeVar("T")


class StorageLocation:
    """A file, or all that is below a prefix, on object storage. All methods raise DataError where it cannot be reached.

    Args:
        uri: of it.
    """

    def __init__(self, uri: str | Path) -> None:
        self._uri = remote.normal(uri)

    def __str__(self) -> str:
        return self._uri

    def __truediv__(self, name: str) -> StorageLocation:
        return StorageLocation(f"{self._uri}/{name}")

    @property
    def name(self) -> str:
        """The last part of it."""
        return self._uri.rpartition("/")[2]

    def absolute(self) -> StorageLocation:
        """Return itself: a URI is absolute."""
        return self

    def exists(self) -> bool:
        """Tell whether it is there, a file or a prefix."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        return remote.is_file(self._uri)

    def is_dir(self) -> bool:
        """Tell whether there are files below it."""
        return bool(remote.files_below(self._uri))

    def read_text(self, encoding: str) -> str:
        """Return what the file says."""
        return remote.tried(self._uri, lambda file: str(file.read(), encoding))


Location = Path | StorageLocation


def location_of(name: str | Path | StorageLocation) -> Location:
    """Return the place that a name means.

    Raises:
        UsageError: it is written like a URI, and is none of ours.
    """
    if isinstance(name, StorageLocation):
        return name
    return StorageLocation(name) if uris.is_remote(name) else Path(name)


def read_from(place: Location, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of a file: of its path here, or open there, where it may be called again.

    Raises:
        FileNotFoundError: no such file.
        DataError: the storage cannot be reached.
    """
    return remote.tried(str(place), read) if isinstance(place, StorageLocation) else read(place)


def files_below(place: Location) -> dict[str, int]:
    """Return the files below a directory: their bytes by their names, relative to it."""
    if isinstance(place, StorageLocation):
        return remote.files_below(str(place))
    files = (path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in files}


def file_version(place: Location) -> tuple[int, ...]:
    """Return numbers that change whenever a file is replaced or written to; equal content may have several versions.

    Raises:
        FileNotFoundError: no such file.
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
