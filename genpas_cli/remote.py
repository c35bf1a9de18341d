"""Files on object storage, `s3://bucket/key` and `gs://bucket/key`, through Arrow's file systems.

Who one is, is said as everywhere: by the environment, a profile, or the machine's role. AWS_ENDPOINT_URL (and
STORAGE_EMULATOR_HOST) names another server than Amazon's (Google's): MinIO, Ceph, R2.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from genpas_cli.errors import DataError, MachineError
from genpas_cli.machine import check_disk, disk_error

T = TypeVar("T")

_URI = re.compile(r"(?P<scheme>s3|gs):/{1,2}(?P<path>[^/].*)")
"""With one slash too: so much of it is left where a Path has been made of it."""

_BLOCK = 1 << 22
_TRIES = 3
"""How often a file is begun or gone on with, before it is given up."""


class RemoteFile(NamedTuple):
    """A file there."""

    uri: str
    size: int
    """Bytes."""


def is_remote(name: str | Path) -> bool:
    """Tell whether a name means object storage."""
    return _URI.fullmatch(str(name)) is not None


def normal(name: str | Path) -> str:
    """Return a URI with two slashes after its scheme and none at its end."""
    scheme, path = _parts(name)
    return f"{scheme}://{path.rstrip('/')}"


def needed_here(directory: Path) -> None:
    """Raise DataError if a directory is there and not on a disk here."""
    if not is_remote(directory):
        return
    copy = {"s3": "aws s3 sync", "gs": "gcloud storage rsync --recursive"}[_parts(directory)[0]]
    raise DataError(
        f"{normal(directory)} is on object storage, and needed on a disk here",
        tip=f"Copy it first: {copy} {normal(directory)} DIR",
    )


def find(name: str) -> list[RemoteFile]:
    """Return the files that a URI means, sorted: one, those that a pattern matches, or all below a prefix.

    Below a prefix, hidden files and those that start with `_` are left out.

    Raises:
        DataError: there are none, or the storage cannot be reached.
    """
    scheme, path = _parts(name)
    with _told(name):
        system = _system(scheme, path)
        fixed = re.split(r"[*?\[]", path, maxsplit=1)[0]
        if fixed == path:
            info = system.get_file_info(path)
            if info.is_file:
                return [RemoteFile(f"{scheme}://{path}", info.size)]
        base = path.rstrip("/") if fixed == path else fixed.rpartition("/")[0]
        files = _files_below(system, base)
    if fixed == path:
        chosen = [each for each in files if not _is_hidden(each.path[len(base) :])]
    else:
        chosen = [each for each in files if _matches(each.path, path)]
    if not chosen:
        raise DataError(
            f"{name}: no such file, and none below it", tip="Patterns such as s3://logs/day=*/*.parquet work."
        )
    return sorted(RemoteFile(f"{scheme}://{each.path}", each.size) for each in chosen)


def fetched(uri: str, target: Path, *, option: str) -> Path:
    """Copy a file from there to here; a connection that is cut is taken up again where it was.

    Args:
        uri: of one file.
        target: the local file to make.
        option: the one that chooses where it goes, for messages.

    Returns:
        `target`.

    Raises:
        DataError: it could not be read to its end.
        MachineError: no space for it.
    """
    (file,) = find(uri)
    check_disk(target, file.size, what=f"a copy of {uri}", tip=f"Choose another place with {option}.")
    try:
        with target.open("wb") as copy:
            for block in blocks(file):
                copy.write(block)
    except OSError as error:
        raise disk_error(error, target, option=option) from error
    return target


def blocks(file: RemoteFile) -> Iterator[bytes]:
    """Yield the bytes of a file; a connection that is cut is taken up again where it was.

    Raises:
        DataError: it could not be read to its end.
    """
    done, tries = 0, 0
    while done < file.size:
        try:
            for block in _blocks(file, done):
                done, tries = done + len(block), 0
                yield block
        except OSError as error:
            tries += 1
            if tries == _TRIES:
                raise _failure(file.uri, error, f" after {done:,} of {file.size:,} bytes") from error


def tried(uri: str, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of a file there, open; with a connection that is cut it begins again.

    Raises:
        FileNotFoundError: no such file.
        DataError: it cannot be read, however often it is tried.
    """
    scheme, path = _parts(uri)
    for tries in range(1, _TRIES + 1):
        try:
            with _system(scheme, path).open_input_file(path) as file:
                return read(file)
        except FileNotFoundError:
            raise
        except OSError as error:
            if tries == _TRIES:
                raise _failure(uri, error) from error
    raise AssertionError("the last try returns or raises")


def is_file(uri: str) -> bool:
    """Tell whether there is a file of this very name.

    Raises:
        DataError: the storage cannot be reached.
    """
    scheme, path = _parts(uri)
    with _told(uri):
        return bool(_system(scheme, path).get_file_info(path).is_file)


def file_version(uri: str) -> tuple[int, ...]:
    """Return the size in bytes and the time of the last change of a file, in nanoseconds.

    Raises:
        FileNotFoundError: no such file.
        DataError: the storage cannot be reached.
    """
    scheme, path = _parts(uri)
    with _told(uri):
        found = _system(scheme, path).get_file_info(path)
    if not found.is_file:
        raise FileNotFoundError(uri)
    return int(found.size), int(found.mtime_ns)


def files_below(uri: str) -> dict[str, int]:
    """Return the files below a prefix: their bytes by their names, relative to it.

    Raises:
        DataError: the storage cannot be reached.
    """
    scheme, path = _parts(uri)
    with _told(uri):
        return {each.path[len(path) + 1 :]: each.size for each in _files_below(_system(scheme, path), path)}


def uploaded(file: Path, uri: str) -> None:
    """Bring a file there; what stood there before stays whole until then.

    Raises:
        MachineError: it could not be brought there.
    """
    scheme, path = _parts(uri)
    try:
        with file.open("rb") as source, _system(scheme, path).open_output_stream(path, compression=None) as target:
            while block := source.read(_BLOCK):
                target.write(block)
    except OSError as error:
        raise MachineError(
            f"cannot write {uri}: {(str(error).splitlines() or [''])[0]}",
            tip="See the credentials, AWS_REGION and AWS_ENDPOINT_URL in the environment.",
        ) from error


def removed(uri: str) -> None:
    """Remove a file there, if it is there.

    Raises:
        OSError: the storage cannot be reached.
    """
    scheme, path = _parts(uri)
    with contextlib.suppress(FileNotFoundError):
        _system(scheme, path).delete_file(path)


def _blocks(file: RemoteFile, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on.

    Raises:
        OSError: the connection was cut, or nothing has come.
    """
    scheme, path = _parts(file.uri)
    with _system(scheme, path).open_input_file(path) as source:
        source.seek(start)
        while block := source.read(min(_BLOCK, file.size - start)):
            yield block
            start += len(block)
    if start < file.size:
        raise OSError("it ends too early")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failure(name, error) from error


def _failure(name: str, error: OSError, when: str = "") -> DataError:
    return DataError(
        f"{name} cannot be read{when}: {(str(error).splitlines() or [''])[0]}",
        tip="See the credentials, AWS_REGION and AWS_ENDPOINT_URL in the environment.",
    )


def _parts(name: str | Path) -> tuple[str, str]:
    match = _URI.fullmatch(str(name))
    assert match is not None, "asked is_remote before"
    return match["scheme"], match["path"]


def _system(scheme: str, path: str) -> Any:
    from pyarrow import fs

    if scheme == "gs":
        return fs.GcsFileSystem()
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint.netloc:
        return fs.S3FileSystem(endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=region or "us-east-1")
    return fs.S3FileSystem(region=region or fs.resolve_s3_region(path.partition("/")[0]))


def _files_below(system: Any, base: str) -> list[Any]:
    """Return Arrow's facts of all files below a prefix."""
    from pyarrow import fs

    below = system.get_file_info(fs.FileSelector(base, allow_not_found=True, recursive=True))
    return [each for each in below if each.is_file]


def _is_hidden(below: str) -> bool:
    return any(part.startswith((".", "_")) for part in below.split("/"))


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a path matches, part by part: `*` does not pass a slash; `**` is any number of parts."""
    return _parts_match(path.split("/"), pattern.split("/"))


def _parts_match(parts: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts_match(parts[skipped:], patterns[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _parts_match(parts[1:], patterns[1:])
