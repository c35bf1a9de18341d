"""Files on object storage, `s3://bucket/key` and `gs://bucket/key`, through Arrow's file systems.

Credentials come from the environment, a profile, or the machine's role. AWS_ENDPOINT_URL (STORAGE_EMULATOR_HOST) names
another server than Amazon's (Google's), such as MinIO, Ceph or R2.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from genpas_cli.runtime.errors import DataError, GenpasError, MachineError, UsageError
from genpas_cli.runtime.machine import check_disk, disk_error
from genpas_cli.runtime.object_storage.requests import (
    ANSWER_SECONDS,
    CLEANING_SECONDS,
    DATA_SECONDS,
    answered,
    failure,
    no_bucket,
    system,
)
from genpas_cli.runtime.object_storage.uris import Uri, parse
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.runtime.text.shell import shell_word

T = TypeVar("T")

_BLOCK = 1 << 22
_TRIES, _TRYING_SECONDS = 3, 20.0
"""Maximum attempts to read a file without progress, and maximum seconds of attempts without progress."""
_MAGIC = re.compile(r"[*?\[]")


class RemoteFile(NamedTuple):
    """A file on object storage."""

    uri: str
    size: int
    """Size in bytes."""
    modified: dt.datetime | None = None
    """Time of the last write, by the storage's clock."""


def is_remote(name: str | Path) -> bool:
    """Tell whether a name is a valid URI of object storage; False for a malformed one."""
    try:
        return parse(name) is not None
    except UsageError:
        return False


def normal(name: str | Path) -> str:
    """Return a URI with two slashes after its scheme and no trailing slash."""
    return str(_prefix(name))


def needed_here(directory: Path) -> None:
    """Raise DataError if a directory is on object storage, but needed on a local disk."""
    if not is_remote(directory):
        return
    uri = _prefix(directory)
    here = shell_word(uri.key.rpartition("/")[2] or uri.bucket)
    copy = {"s3": "aws s3 sync", "gs": "gcloud storage rsync --recursive"}[uri.scheme]
    raise DataError(
        f"{uri} is on object storage, but this command needs a local copy",
        tip=f"Copy it to this machine first: {copy} {shell_word(str(uri))} {here}",
    )


def find(name: str) -> list[RemoteFile]:
    """Return the files of a URI in natural order: one file, all below a prefix, or those that match a pattern.

    A key is taken literally, whatever characters it has. Only if there is no such object, and none below it, `*`, `?`
    and `[` are those of a pattern. Below a prefix, names that start with `.` or `_` are left out.

    Raises:
        DataError: there is no such file, or the storage cannot be reached.
        MachineError: access is denied.
    """
    uri = _uri(name)
    base = _prefix(name)
    if not uri.key.endswith("/") and (file := _file(uri)) is not None:
        return [file]
    chosen = [each for each in _below(base) if not _is_hidden(each.uri[len(str(base)) :])]
    if not chosen and _MAGIC.search(uri.key):
        fixed = _MAGIC.split(uri.key, maxsplit=1)[0].rpartition("/")[0]
        found = _below(uri._replace(key=fixed))
        chosen = [each for each in found if _matches(_uri(each.uri).key, uri.key)]
    if not chosen:
        _check_bucket(uri)
        raise DataError(
            f"{name}: no such file, and no files with this prefix",
            tip="Patterns are possible, such as s3://logs/day=*/*.parquet.",
        )
    for each in chosen:
        _check_key(_uri(each.uri))
    return sorted(chosen, key=lambda file: path_order(file.uri))


def fetched(uri: str, target: Path, *, option: str) -> Path:
    """Download a file; after a cut connection, resume where it stopped.

    Args:
        uri: URI of one file; its key is taken literally.
        target: the local file to write.
        option: the option that chooses the directory of `target`, for messages.

    Returns:
        `target`.

    Raises:
        DataError: the file could not be read to its end, or changed meanwhile.
        MachineError: not enough disk space.
    """
    file = stat(uri)
    check_disk(target, file.size, what=f"a copy of {uri}", tip=f"Choose another disk with {option}.")
    try:
        with target.open("wb") as copy:
            for block in blocks(file):
                copy.write(block)
    except OSError as error:
        raise disk_error(error, target, option=option) from error
    if stat(uri) != file:
        raise DataError(
            f"{uri} changed while genpas was reading it",
            tip="Run the command again when no other program writes to the object.",
        )
    return target


def stat(uri: str) -> RemoteFile:
    """Return size and time of the file with exactly this name.

    Raises:
        DataError: there is no such file, or the storage cannot be reached.
    """
    if (file := _file(_uri(uri))) is None:
        _check_bucket(_uri(uri))
        raise DataError(f"{uri}: no such file")
    return file


def blocks(file: RemoteFile) -> Iterator[bytes]:
    """Yield the bytes of a file; after a cut connection, resume where it stopped.

    Raises:
        DataError: the file could not be read to its end.
    """
    uri, done, tries, since = _uri(file.uri), 0, 0, time.monotonic()
    while done < file.size:
        try:
            for block in _blocks(uri, file.size, done):
                done, tries, since = done + len(block), 0, time.monotonic()
                yield block
        except OSError as error:
            tries += 1
            if tries == _TRIES or time.monotonic() - since > _TRYING_SECONDS:
                raise failure(uri, error, "read", f" after {done:,} of {file.size:,} bytes") from error


def tried(uri: str, read: Callable[[Any], T]) -> T:
    """Return the result of `read`, called with the open remote file; after a cut connection, call it again.

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: the file cannot be read after several attempts.
    """
    where, since = _uri(uri), time.monotonic()
    _check_key(where)

    def request() -> T:
        with system(where).open_input_file(where.path) as file:
            return read(file)

    for tries in range(1, _TRIES + 1):
        try:
            return answered(request, seconds=DATA_SECONDS)
        except FileNotFoundError:
            raise
        except OSError as error:
            if tries == _TRIES or time.monotonic() - since > _TRYING_SECONDS:
                raise failure(where, error, "read") from error
    raise AssertionError("the last try returns or raises")


def is_file(uri: str) -> bool:
    """Tell whether there is a file with exactly this name.

    Raises:
        DataError: the storage cannot be reached.
    """
    return _file(_uri(uri)) is not None


def file_version(uri: str) -> tuple[int, ...]:
    """Return the size of a file in bytes and the time of its last change in microseconds since 1970.

    Raises:
        FileNotFoundError: the file does not exist.
        DataError: the storage cannot be reached.
    """
    if (found := _file(_uri(uri))) is None:
        raise FileNotFoundError(uri)
    modified = 0 if found.modified is None else int(found.modified.timestamp() * 1e6)
    return found.size, modified


def files_below(uri: str) -> dict[str, int]:
    """Return relative name → size in bytes of the files below a prefix.

    Raises:
        DataError: there is no such bucket, or the storage cannot be reached.
    """
    return {name: file.size for name, file in listed(uri).items()}


def listed(uri: str) -> dict[str, RemoteFile]:
    """Return relative name → file of the files below a prefix.

    Raises:
        DataError: there is no such bucket, or the storage cannot be reached.
    """
    base = _prefix(uri)
    found = _below(base)
    if not found:
        _check_bucket(base)
    return {each.uri[len(str(base)) + 1 :]: each for each in found}


def uploaded(file: Path, uri: str) -> None:
    """Upload a file; an existing one is kept until the upload is complete.

    Raises:
        MachineError: the file cannot be read or uploaded.
    """
    try:
        source = file.open("rb")
    except OSError as error:
        raise disk_error(error, file) from error
    with source:
        _put(_uri(uri), iter(lambda: source.read(_BLOCK), b""))


def put(content: bytes, uri: str) -> None:
    """Write a small remote file.

    Raises:
        MachineError: the file cannot be written.
    """
    _put(_uri(uri), iter([content]))


def copied(source: str, target: str) -> None:
    """Copy a remote file on the server, without downloading it.

    Raises:
        MachineError: the file cannot be copied.
    """
    there, uri = _uri(source), _uri(target)
    _asked(uri, "written", lambda: system(uri).copy_file(there.path, uri.path), seconds=DATA_SECONDS)


def removed(uri: str) -> None:
    """Remove a remote file, if it exists.

    Raises:
        MachineError: the storage cannot be reached.
    """
    where = _uri(uri)

    def request() -> None:
        with suppress(FileNotFoundError):
            system(where).delete_file(where.path)

    _asked(where, "removed", request, seconds=CLEANING_SECONDS, cleaning=True)


def removed_below(uri: str) -> None:
    """Remove all files below a prefix.

    Raises:
        MachineError: the storage cannot be reached.
    """
    where = _prefix(uri)

    def request() -> None:
        with suppress(FileNotFoundError):
            system(where).delete_dir(where.path)

    _asked(where, "removed", request, seconds=2 * CLEANING_SECONDS, cleaning=True)


def _uri(name: str | Path) -> Uri:
    uri = parse(name)
    assert uri is not None, "asked whether it is one before"
    return uri


def _prefix(name: str | Path) -> Uri:
    """Return a parsed URI without its trailing slash."""
    uri = _uri(name)
    return uri._replace(key=uri.key.removesuffix("/"))


def _check_key(uri: Uri) -> None:
    """Raise DataError for a key that Arrow's clients would normalise to another one."""
    if uri.key and any(part in ("", ".", "..") for part in uri.key.split("/")):
        raise DataError(
            f"{uri}: a key must not contain an empty part, '.' or '..' between slashes",
            tip="Copy the object to another key first.",
        )


def _asked(
    uri: Uri, doing: str, request: Callable[[], T], *, other: type[GenpasError] = MachineError,
    seconds: float = ANSWER_SECONDS, cleaning: bool = False,
) -> T:  # fmt: skip
    """Return the result of a request, with its exceptions turned into genpas errors."""
    _check_key(uri)
    try:
        return answered(request, seconds=seconds, cleaning=cleaning)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise failure(uri, error, doing, other=other) from error


def _file(uri: Uri) -> RemoteFile | None:
    """Return size and time of the file with exactly this name; None if there is none."""
    if not uri.key:
        return None
    info = _asked(uri, "read", lambda: system(uri).get_file_info(uri.path), other=DataError)
    return RemoteFile(str(uri), info.size, info.mtime) if info.is_file else None


def _below(base: Uri) -> list[RemoteFile]:
    """Return all files below a prefix."""
    from pyarrow import fs

    def request() -> list[Any]:
        selector = fs.FileSelector(base.path, allow_not_found=True, recursive=True)
        return list(system(base).get_file_info(selector))

    found = _asked(base, "read", request, other=DataError, seconds=DATA_SECONDS)
    return [RemoteFile(f"{base.scheme}://{each.path}", each.size, each.mtime) for each in found if each.is_file]


def _check_bucket(uri: Uri) -> None:
    """Raise DataError if the bucket does not exist; a bucket that cannot be queried counts as existing."""
    from pyarrow import fs

    with suppress(OSError):
        if answered(lambda: system(uri).get_file_info(uri.bucket)).type == fs.FileType.NotFound:
            raise no_bucket(uri)


def _put(uri: Uri, content: Iterator[bytes]) -> None:
    stream = _asked(uri, "written", lambda: system(uri).open_output_stream(uri.path, compression=None))
    for block in content:
        _asked(uri, "written", partial(stream.write, block), seconds=DATA_SECONDS)
    _asked(uri, "written", stream.close, seconds=DATA_SECONDS)


def _blocks(uri: Uri, size: int, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on.

    Raises:
        OSError: the connection was cut, or timed out.
    """
    source = answered(lambda: system(uri).open_input_file(uri.path))
    try:
        source.seek(start)
        while block := answered(partial(source.read, min(_BLOCK, size - start)), seconds=DATA_SECONDS):
            yield block
            start += len(block)
    finally:
        source.close()
    if start < size:
        raise OSError("the data ends unexpectedly")


def _is_hidden(below: str) -> bool:
    return any(part.startswith((".", "_")) and part not in (".", "..") for part in below.split("/"))


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a path matches a pattern: `*` does not match a slash; `**` matches any number of parts."""
    return _parts_match(path.split("/"), pattern.split("/"))


def _parts_match(parts: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts_match(parts[skipped:], patterns[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _parts_match(parts[1:], patterns[1:])
