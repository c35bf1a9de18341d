"""Outputs appear whole or not at all: built beside their place under a temporary name, synced, then given the name.

While a run builds NAME it holds a lock on `.NAME.genpas-lock`, so whatever else lies beside NAME under one of our
temporary names belongs to a run that was killed, and is repaired or removed by the next one:

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
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from genpas_cli.errors import UsageError
from genpas_cli.machine import disk_error
from genpas_cli.signals import uninterrupted
from genpas_cli.uris import check_local

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


Replaceable = Callable[[Path], bool]
"""Tells whether something that exists is an output of ours: `--force` must not cost a user a directory of their own."""


def refuse_existing(path: Path, *, force: bool, replaceable: Replaceable = Path.is_file) -> None:
    """Raise UsageError if the output exists and may not be replaced; by default any file may, with force.

    Also if it is written like a URI: what is built beside its place needs a disk.
    """
    check_local(path, "-o")
    if not os.path.lexists(path):
        return
    if not force:
        raise UsageError(f"{path} exists", tip="Replace it with --force, or choose another name with -o.")
    if not replaceable(path):
        raise UsageError(
            f"{path} exists, and --force replaces only what genpas has made of the same kind",
            tip="Choose another name with -o, or remove it yourself.",
        )


@contextlib.contextmanager
def building(path: Path, *, force: bool, replaceable: Replaceable) -> Iterator[Path]:
    """Give a temporary path beside `path` to build a file or directory at, and publish it if the block succeeds.

    Args:
        path: the output.
        force: whether an existing output may be replaced; it stays whole until the new one takes its name.
        replaceable: tells whether an existing output is one that may be.

    Raises:
        UsageError: the output exists, or another run is building it.
        MachineError: it cannot be written there.
    """
    path = path.absolute()
    with _parents(path), _lock(path):
        new = _beside(path, "new")
        with _disk_errors(path):
            _repair(path)
        refuse_existing(path, force=force, replaceable=replaceable)
        try:
            yield new
            with _disk_errors(path):
                _sync(new)
                with uninterrupted():
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
def _lock(path: Path) -> Iterator[None]:
    lock = _beside(path, "lock")
    while True:
        with _disk_errors(path):
            file = lock.open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                tip = "Wait for it to end, or choose another name with -o."
                raise UsageError(f"another genpas is writing {path}", tip=tip) from error
            if not _is_open_file(lock, file.fileno()):
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _is_open_file(path: Path, descriptor: int) -> bool:
    """Tell whether the name still means the open file: a lock's last holder may have deleted it in between."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _repair(path: Path) -> None:
    """Undo what a killed run left: put the old output back if it stood without its name, remove the rest."""
    old = _beside(path, "old")
    if os.path.lexists(old) and not os.path.lexists(path):
        old.rename(path)
    _remove(old)
    _remove_unfinished(_beside(path, "new"))


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
    # DuckDB's, of a store that was not finished; it must not meet the next store of that name.
    _remove(new.with_name(f"{new.name}.wal"))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
