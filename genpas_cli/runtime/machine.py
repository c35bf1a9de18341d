"""What the machine offers and what a job may take of it: threads, memory, disk, scratch space."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from genpas_cli.runtime.errors import MachineError, UsageError
from genpas_cli.runtime.options import Options, option
from genpas_cli.runtime.signals import uninterrupted
from genpas_cli.runtime.text.visible import is_unicode

SHARE_OF_FREE_MEMORY = 0.7
FIXED_MEMORY = 160 * 2**20
"""Bytes that the interpreter, the libraries and DuckDB's buffers take whatever is done."""

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SCRATCH = "genpas-scratch-"
_OURS = "made-by-genpas"
PANEL = "Machine"


@dataclass(frozen=True, kw_only=True)
class MachineOptions(Options):
    """What a job may use."""

    threads: int | None = option(None, "Threads to use; by default all cores.", metavar="N", panel=PANEL)
    memory_limit: str | None = option(
        None, "Memory to use, such as 2GB; by default 70% of what is free.", metavar="SIZE", panel=PANEL
    )
    temp_dir: str | None = option(
        None, "Where sorts spill and temporary files go; by default the system's.", metavar="DIR", panel=PANEL
    )


def machine_options(options: MachineOptions) -> dict[str, Any]:
    """Return the options of the machine alone, by name: they go to every part of a job."""
    return {field.name: getattr(options, field.name) for field in fields(MachineOptions)}


@dataclass(frozen=True)
class Machine:
    """The limits a job runs under, resolved."""

    threads: int
    memory: int
    """Bytes."""
    temp_dir: Path


def resolve(options: MachineOptions) -> Machine:
    """Return the limits that the options mean here.

    Raises:
        UsageError: threads below 1, a size that is none, a temporary directory that does not exist.
        MachineError: there is no temporary directory.
    """
    if options.threads is not None and options.threads < 1:
        raise UsageError(f"--threads is {options.threads}; it takes 1 or more")
    memory = (
        int(free_memory() * SHARE_OF_FREE_MEMORY) if options.memory_limit is None else parse_size(options.memory_limit)
    )
    temp_dir = Path(options.temp_dir or _system_temp_dir())
    if not temp_dir.is_dir():
        raise UsageError(f"--temp-dir {temp_dir} is not a directory", tip=f"Create it first: mkdir -p {temp_dir}")
    if not is_unicode(temp_dir.absolute()):
        raise UsageError(
            f"--temp-dir {temp_dir}: its path is not UTF-8", tip="Choose another one, such as --temp-dir /var/tmp."
        )
    return Machine(options.threads or cores(), memory, temp_dir)


def _system_temp_dir() -> str:
    try:
        return tempfile.gettempdir()
    except OSError as error:
        raise MachineError(
            "no directory for temporary files: none of the usual ones can be written to",
            tip="Name one, for example: --temp-dir /dev/shm",
        ) from error


def parse_size(text: str) -> int:
    """Return the bytes that `2GB`, `512 MiB` or `1.5g` mean.

    Raises:
        UsageError: not a positive size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    unit = _UNITS.get(match[2].lower()) if match else None
    size = int(float(match[1]) * unit) if match and unit else 0
    if match and not match[2] and float(match[1]) > 0:
        raise UsageError(f"{text!r} is a size without a unit", tip=f"Do you mean {match[1]}GB, or {match[1]}MB?")
    if size <= 0:
        raise UsageError(f"{text!r} is not a size", tip="Write it like 512MB, 2GB or 1.5GiB.")
    return size


def show_size(size: float) -> str:
    """Return bytes as a person reads them: `1.3 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # SI step
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:.1f} TB"


def cores() -> int:
    """Return the cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Return the bytes of memory that are free for this process: the machine's, or its container's if that is less."""
    candidates = []
    with contextlib.suppress(OSError, AttributeError, ValueError):
        candidates.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        candidates.append(int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        used = int((group / "memory.current").read_text(encoding="ascii"))
        candidates.append(int((group / "memory.max").read_text(encoding="ascii")) - used)
    return max(min(candidates, default=4 * 2**30), 2**28)


def existing_parent(path: Path) -> Path:
    """Return the nearest directory on the way to `path` that exists."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if p.is_dir()), Path("/"))


def check_disk(path: Path, needed: int, *, what: str, tip: str) -> None:
    """Raise MachineError if the disk that holds `path` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(existing_parent(path)).free
    if free < needed:
        raise MachineError(
            f"not enough disk space at {existing_parent(path)} for {what}: about {show_size(needed)} needed, "
            f"{show_size(free)} free",
            tip=tip,
        )


def check_writable(directory: Path) -> None:
    """Raise MachineError if no file can be made in `directory` (the nearest that exists)."""
    parent = existing_parent(directory)
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise disk_error(error, parent) from error


def disk_error(error: OSError, where: Path, *, option: str = "-o") -> MachineError:
    """Return what an OSError on writing means to the user; `option` is the one that chooses the place."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"no space left on the disk that holds {where}",
            tip="Free some space, or write elsewhere with -o (output) or --temp-dir (temporary files).",
        )
    return MachineError(
        f"cannot write to {where}: {error.strerror or error}", tip=f"Choose another place with {option}."
    )


@contextlib.contextmanager
def scratch_directory(temp_dir: Path) -> Iterator[Path]:
    """Give a private directory under `temp_dir` that is deleted at the end; those of killed runs are deleted too.

    A run holds a lock on the directory itself while it lives, so one whose lock can be had belongs to no one. (A lock
    file in it would be missing where a run was killed just after it made the directory, or while it removed it.) A file
    in it says that it is ours: whatever else has such a name is left alone.
    """
    _remove_dead(temp_dir)
    with contextlib.ExitStack() as stack:
        with uninterrupted():
            try:
                path = _new_scratch(temp_dir, stack)
            except OSError as error:
                raise disk_error(error, temp_dir, option="--temp-dir") from error
            stack.callback(_remove_scratch, path)
            try:
                (path / _OURS).touch()
            except OSError as error:
                raise disk_error(error, temp_dir, option="--temp-dir") from error
        yield path


def _remove_scratch(path: Path) -> None:
    """Remove a scratch directory; what says that it is ours goes last, as this may be cut short by a kill."""
    with uninterrupted(), contextlib.suppress(OSError):
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _OURS:
                entry.unlink()
        (path / _OURS).unlink(missing_ok=True)
        path.rmdir()


def _remove_dead(temp_dir: Path) -> None:
    for path in temp_dir.glob(f"{_SCRATCH}*"):
        with contextlib.suppress(OSError), _locked(path):
            # One without the file that is empty is of a run that was killed as it made or removed it.
            if (path / _OURS).is_file() or not any(path.iterdir()):
                _remove_scratch(path)


def _new_scratch(temp_dir: Path, stack: contextlib.ExitStack) -> Path:
    """Make a directory that stays locked until the stack unwinds."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=temp_dir))
        # Until it is locked, another run may take it for litter; then another is made.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            stack.enter_context(_locked(path))
            if path.is_dir():
                return path


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory.

    Raises:
        BlockingIOError: another process holds it.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
