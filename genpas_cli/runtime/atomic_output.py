"""Outputs appear whole or not at all: built beside their place under a temporary name, synced, then given the name.

While a run builds NAME it holds a lock on `.NAME.genpas-lock`. A run that is killed leaves that file, and by it the
next run knows that whatever else lies beside NAME under one of our temporary names is genpas's own, to be repaired or
removed. Without it, something of such a name is somebody else's, and is neither used nor removed:

    .NAME.genpas-new    what is being built (`.wal` beside it, if a store); after an exchange, what stood there before
    .NAME.genpas-old    the old output, between two renames where names cannot be exchanged
    .NAME.genpas-part   what a job keeps that takes long, so that it may go on after a kill; it is left alone
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Callable, Container, Iterator
from pathlib import Path

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.signals import uninterrupted

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


Foreign = Callable[[Path], str | None]
"""Looks into something that exists, and says what in it genpas did not make, as the end of a sentence that begins with
the name of the output ("it holds ..."); None where everything is an output of that kind: `--force` must not cost a
user a file of their own."""

_LOCK_MARK = b"genpas\n"
"""What a lock file of ours holds: a file of that name with anything else in it is not ours."""


def refuse_existing(path: Path, *, force: bool, foreign: Foreign, option: str = "-o") -> None:
    """Raise UsageError if the output exists and may not be replaced.

    Args:
        path: the output.
        force: replace it if it holds nothing but what genpas made.
        foreign: tells what else it holds.
        option: the one that names the output.

    Raises:
        UsageError: also if the path is written like a URI: what is built beside its place needs a disk.
    """
    check_local(path, option)
    if not os.path.lexists(path):
        return
    with _disk_errors(path):
        found = foreign(path)
    if not force and found is None:
        raise UsageError(f"{path} exists", tip=f"Overwrite it with --force, or choose another name with {option}.")
    if found is not None:
        raise UsageError(
            f"{path} exists, and --force overwrites only what genpas made: {found}",
            tip=f"Choose another name with {option}, or remove it yourself.",
        )


def foreign_entry(directory: Path, known: Container[str]) -> str | None:
    """Return the first file below a directory whose relative path is not among those known; None if all are.

    A link, and whatever is neither a file nor a directory, is never known: what it stands for lies elsewhere.
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


def is_real_directory(path: Path) -> bool:
    """Tell whether a path is a directory, and no link to one."""
    return path.is_dir() and not path.is_symlink()


@contextlib.contextmanager
def building(path: Path, *, force: bool, foreign: Foreign, option: str = "-o") -> Iterator[Path]:
    """Give a temporary path beside `path` to build a file or directory at, and publish it if the block succeeds.

    Args:
        path: the output.
        force: whether an existing output may be replaced; it stays whole until the new one takes its name.
        foreign: see `refuse_existing`. It is asked before the block, and again before the output is replaced.
        option: the one that names the output.

    Raises:
        UsageError: the output exists, or another run is building it; or one of the temporary names is taken.
        MachineError: it cannot be written there.
    """
    path = path.absolute()
    with _parents(path), _lock(path) as killed:
        new = _beside(path, "new")
        with _disk_errors(path):
            _repair(path, killed=killed)
        refuse_existing(path, force=force, foreign=foreign, option=option)
        try:
            yield new
            with _disk_errors(path):
                _sync(new)
            refuse_existing(path, force=force, foreign=foreign, option=option)
            with _disk_errors(path), uninterrupted():
                _publish(new, path)
        finally:
            with uninterrupted():
                _remove_unfinished(new)


def unfinished(path: Path) -> Path:
    """Return where a job that can go on after a kill keeps what it has done of `path`."""
    return _beside(path.absolute(), "part")


@contextlib.contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the directories above `path`; those that were made go again if the block fails."""
    made = [parent for parent in path.parents if not parent.exists()]
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):  # not empty: another run writes there
                parent.rmdir()
        raise


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.genpas-{what}")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold the lock of an output; gives whether the last run that held it was killed."""
    lock = _beside(path, "lock")
    while True:
        handle = _opened_lock(lock, path)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                tip = "Wait for it to end, or choose another name with -o."
                raise UsageError(f"another genpas is writing {path}", tip=tip) from error
            if not _is_open_file(lock, handle):
                continue
            held = os.read(handle, len(_LOCK_MARK) + 1)
            # One that was cut short is of a run that was killed before it did anything else.
            if not _LOCK_MARK.startswith(held):
                raise _not_ours(lock)
            try:
                with _disk_errors(path):
                    os.pwrite(handle, _LOCK_MARK, 0)
                yield held == _LOCK_MARK
            finally:
                if _is_open_file(lock, handle):
                    lock.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _opened_lock(lock: Path, path: Path) -> int:
    """Open the lock file of an output, never through a link, and without waiting for the other end of a pipe.

    Raises:
        UsageError: there is something else of that name.
        MachineError: it cannot be made.
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
    return UsageError(f"{lock} is not a lock file of genpas", tip="Remove it, or choose another name with -o.")


def _is_open_file(path: Path, descriptor: int) -> bool:
    """Tell whether the name still means the open file: a lock's last holder may have deleted it in between."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _repair(path: Path, *, killed: bool) -> None:
    """Undo what a killed run left: put the old output back if it stood without its name, remove the rest.

    Raises:
        UsageError: no run was killed, so what has one of our temporary names is not ours.
    """
    old, new = _beside(path, "old"), _beside(path, "new")
    if not killed:
        if taken := next((name for name in (old, new, _log_of(new)) if os.path.lexists(name)), None):
            raise UsageError(
                f"{taken} stands where genpas would build {path}, and no run of genpas left it there",
                tip="Remove it yourself, or choose another name with -o.",
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
        # No exchange of names here: a kill between these two leaves the old output under its other name.
        old = _beside(path, "old")
        path.rename(old)
        new.rename(path)
        _sync_directory(path.parent)
        _remove(old)
    _sync_directory(path.parent)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
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


def _sync(path: Path) -> None:
    """Flush a file, or a directory with all below it, so that a power cut cannot publish an empty shell."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return
    for directory, _, names in os.walk(path):
        for name in names:
            with (Path(directory) / name).open("rb+") as file:
                os.fsync(file.fileno())
        _sync_directory(Path(directory))


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
    """Return where DuckDB keeps the log of a store that is not finished; it must not meet the next one of that name."""
    return new.with_name(f"{new.name}.wal")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
