"""Atomic output: an output is built under a temporary name in the same directory, synced, then renamed.

While a run builds NAME it holds a lock on `.NAME.genpas-lock`. A killed run leaves that file, which tells the next run
that files with one of the temporary names are genpas's own, to be repaired or removed. Without the lock file, a file of
such a name belongs to somebody else, and is neither used nor removed:

    .NAME.genpas-new    the output being built (with `.wal` for a store); after an exchange, the old output
    .NAME.genpas-old    the old output between two renames, if the file system cannot exchange names
    .NAME.genpas-part   progress of a long job, kept so that it can resume after a kill; it is left alone
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.signals import complete, ending_with, uninterrupted

_UNFINISHED = re.compile(r"(?<![^/])\.([^/]+)\.genpas-part(?![^/])")
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


Foreign = Callable[[Path], str | None]
"""Returns what in an existing path genpas did not make, as a clause for a message ("it holds ..."); None if everything
in it is an output of that kind. So `--force` cannot delete a user's own files."""

_LOCK_MARK = b"genpas\n"
"""Content of genpas's lock files: a file of that name with other content is not genpas's."""


def refuse_existing(path: Path, *, force: bool, foreign: Foreign, option: str = "-o", resume: bool = False) -> None:
    """Check that the output does not exist, or may be overwritten.

    Args:
        path: the output.
        force: whether an output that genpas made may be overwritten.
        foreign: finds content that genpas did not make.
        option: the option that names the output, for messages.
        resume: whether a stopped run was to be continued, for messages.

    Raises:
        UsageError: the output exists and may not be overwritten; or `path` is a URI, but must be on a local disk.
    """
    check_local(path, option)
    if not os.path.lexists(path):
        return
    with _disk_errors(path, option):
        found = foreign(path)
    if not force and found is None and resume:
        raise UsageError(
            f"{path} is complete, and --resume continues only a run that was stopped",
            tip="To make it again: --force without --resume",
        )
    if not force and found is None:
        raise UsageError(
            f"{path} already exists", tip=f"Overwrite it with --force, or choose another path with {option}."
        )
    if found is not None:
        raise UsageError(
            f"{path} already exists, and genpas does not overwrite it: {found}",
            tip=f"Choose another path with {option}, or remove the existing one yourself.",
        )


def foreign_entry(directory: Path, known: Container[str]) -> str | None:
    """Return the first file below a directory whose relative path is not in `known`; None if there is none.

    Links and special files are never known, because their content is elsewhere.
    """
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = here / name
            relative = path.relative_to(directory).as_posix()
            if relative not in known or not stat.S_ISREG(path.lstat().st_mode):
                return relative
    return None


def foreign_or_changed(
    directory: Path, index: str, files: Mapping[str, Any], measure: Callable[[Path], Any]
) -> str | None:
    """Return why a directory does not hold exactly what its index lists, as a clause; None if it does.

    Files that are missing do not count: nothing of the user's is lost with them.

    Args:
        directory: the directory.
        index: name of the file that lists the others.
        files: relative path → what `measure` must return, such as a digest.
        measure: measures a file.
    """
    if (name := foreign_entry(directory, {index, *files})) is not None:
        return f"it contains {name}, which its {index} does not list"
    there = ((name, directory / name, wanted) for name, wanted in files.items())
    changed = (name for name, path, wanted in there if path.is_file() and measure(path) != wanted)
    return None if (name := next(changed, None)) is None else f"its {name} was changed after genpas wrote it"


def is_real_directory(path: Path) -> bool:
    """Tell whether a path is a directory and not a link."""
    return path.is_dir() and not path.is_symlink()


def no_real_directory(path: Path) -> str | None:
    """Return why a path is not a real directory, as the end of a message; None if it is one."""
    if path.is_symlink():
        return "it is a symbolic link"
    return None if path.is_dir() else "it is not a directory"


@contextlib.contextmanager
def building(path: Path, *, force: bool, foreign: Foreign, option: str = "-o") -> Iterator[Path]:
    """Yield a temporary path for building a file or directory, and rename it to `path` if the block succeeds.

    Args:
        path: the output.
        force: whether an existing output may be overwritten; it is kept until the new one is complete.
        foreign: see `refuse_existing`; called before the block, and again before the output is replaced.
        option: the option that names the output, for messages.

    Raises:
        UsageError: the output exists, another run is building it, or a temporary name is taken.
        MachineError: the output cannot be written.
    """
    given, path = path, path.absolute()
    with _parents(path, option), _lock(path) as killed:
        new = _beside(path, "new")
        with _disk_errors(path, option):
            _repair(path, killed=killed)
        refuse_existing(path, force=force, foreign=foreign, option=option)
        with ending_with(lambda: _remove_unfinished(new)):
            yield new
            with _disk_errors(path, option):
                sync(new)
            refuse_existing(path, force=force, foreign=foreign, option=option)
            with _disk_errors(path, option), uninterrupted():
                _publish(new, path)
                complete.append(given)


def unfinished(path: Path) -> Path:
    """Return the path where a resumable job keeps its unfinished parts of the output `path`."""
    return _beside(path.absolute(), "part")


def finished(path: str) -> str:
    """Return the path that a file has when the output that it is a part of is complete: the inverse of `unfinished`."""
    return _UNFINISHED.sub(r"\1", path)


def sync(path: Path) -> None:
    """Flush a file, or all files of a directory, to disk, so that a power cut cannot leave an empty output."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return
    for directory, _, names in os.walk(path):
        for name in names:
            with (Path(directory) / name).open("rb+") as file:
                os.fsync(file.fileno())
        _sync_directory(Path(directory))


@contextlib.contextmanager
def _parents(path: Path, option: str) -> Iterator[None]:
    """Create the directories above `path`, and remove those created if the block fails."""
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        with _disk_errors(path, option):
            path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):  # not empty, since another run writes there
                parent.rmdir()
        raise


@contextlib.contextmanager
def _disk_errors(path: Path, option: str = "-o") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, path, option=option) from error


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.genpas-{what}")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold the lock of an output; yield whether the last run that held it was killed."""
    holding = contextlib.ExitStack()
    with ending_with(holding.close):
        # An interrupt between the creation of the file and its removal on the stack would leave it behind.
        with uninterrupted():
            was_killed = _acquire(_beside(path, "lock"), path, holding)
        yield was_killed


def _acquire(lock: Path, path: Path, holding: contextlib.ExitStack) -> bool:
    """Take the lock, and tell whether its last holder was killed; `holding` releases it."""
    while True:
        with contextlib.ExitStack() as attempt:
            handle = _opened_lock(lock, path)
            attempt.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                tip = "Wait until the other run has finished, or choose another path with -o."
                raise UsageError(f"another genpas process is writing {path}", tip=tip) from error
            if not _is_open_file(lock, handle):
                continue
            held = os.read(handle, len(_LOCK_MARK) + 1)
            # An empty or incomplete mark is from a run that was killed before it did anything else.
            if not _LOCK_MARK.startswith(held):
                raise _not_ours(lock)
            attempt.callback(_remove_lock, lock, handle)
            with _disk_errors(path):
                os.pwrite(handle, _LOCK_MARK, 0)
            holding.push(attempt.pop_all())
            return held == _LOCK_MARK


def _remove_lock(lock: Path, handle: int) -> None:
    if _is_open_file(lock, handle):
        lock.unlink(missing_ok=True)


def _opened_lock(lock: Path, path: Path) -> int:
    """Open or create the lock file of an output, without following a link or blocking on a pipe.

    Raises:
        UsageError: the name is taken by something other than a regular file.
        MachineError: the lock file cannot be created.
    """
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if os.path.lexists(lock) and not stat.S_ISREG(lock.lstat().st_mode):
            raise _not_ours(lock) from error
        raise disk_error(error, path) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_ours(lock)
    return handle


def _not_ours(lock: Path) -> UsageError:
    return UsageError(
        f"{lock} is not a lock file written by genpas", tip="Remove the file, or choose another path with -o."
    )


def _is_open_file(path: Path, descriptor: int) -> bool:
    """Tell whether the path is still the open file: the lock's last holder may have deleted it in between."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _repair(path: Path, *, killed: bool) -> None:
    """Clean up after a killed run: restore the old output if it has lost its name, and remove temporary files.

    Raises:
        UsageError: no run was killed, but one of the temporary names is taken.
    """
    old, new = _beside(path, "old"), _beside(path, "new")
    if not killed:
        if taken := next((name for name in (old, new, _log_of(new)) if os.path.lexists(name)), None):
            raise UsageError(
                f"{taken} already exists and was not written by genpas; genpas needs this path to build {path}",
                tip="Remove it yourself, or choose another path with -o.",
            )
        return
    if os.path.lexists(old) and not os.path.lexists(path):
        old.rename(path)
    _remove(old)
    _remove_unfinished(new)


def _publish(new: Path, path: Path) -> None:
    if not os.path.lexists(path):
        new.rename(path)
    elif new.is_file() and not path.is_dir():
        new.replace(path)
    elif not _exchange(new, path):
        # Names cannot be exchanged here: after a kill between the two renames, `_repair` restores the old output.
        old = _beside(path, "old")
        path.rename(old)
        new.rename(path)
        _sync_directory(path.parent)
        _remove(old)
    _sync_directory(path.parent)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two names atomically; return False if the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(a))


def _sync_directory(path: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot open a directory
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_unfinished(new: Path) -> None:
    _remove(new)
    _remove(_log_of(new))


def _log_of(new: Path) -> Path:
    """Return DuckDB's write-ahead log of an unfinished store, which must not be applied to the next store."""
    return new.with_name(f"{new.name}.wal")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
