"""The resources of the machine and their limits for a job: threads, memory, disk, scratch space."""

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
from genpas_cli.runtime.options import Options, as_json, option
from genpas_cli.runtime.signals import ending_with, uninterrupted
from genpas_cli.runtime.text.visible import is_unicode

SHARE_OF_FREE_MEMORY = 0.7
FIXED_MEMORY = 160 * 2**20
"""Bytes that the interpreter, the libraries and DuckDB's buffers take in every job."""

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SCRATCH = "genpas-scratch-"
_OURS = "made-by-genpas"
PANEL = "Machine"

OWN_MEMORY = 150 * 10**6
"""Bytes that the process takes for itself, about: the interpreter, DuckDB and Arrow."""


@dataclass(frozen=True, kw_only=True)
class MachineOptions(Options):
    """The resources a job may use."""

    threads: int | None = option(None, "Number of threads; by default one per core.", metavar="N", panel=PANEL)
    memory_limit: str | None = option(
        None, "Maximum memory of the process, for example 2GB. About 150MB of it is used by the program itself. "
        "(default: 70% of the free memory)", metavar="SIZE", panel=PANEL,
    )  # fmt: skip
    temp_dir: str | None = option(
        None, "Directory for temporary files; by default that of the system.", metavar="DIR", panel=PANEL
    )


def machine_options(options: MachineOptions) -> dict[str, Any]:
    """Return the machine options only, by name, for passing them to each part of a job."""
    return {field.name: getattr(options, field.name) for field in fields(MachineOptions)}


def lasting_options(options: MachineOptions) -> dict[str, Any]:
    """Return the options that determine the output, without the machine options."""
    machine = machine_options(options)
    return {name: value for name, value in as_json(options).items() if name not in machine}


@dataclass(frozen=True)
class MadeWith:
    """What a report was made with."""

    version: str
    """Version of genpas."""
    options: dict[str, Any]
    """The options that determine the report; `reading` has those of reading logs that are not at their defaults."""


def made_with(*options: MachineOptions, reading: MachineOptions | None = None) -> MadeWith:
    """Return this version of genpas, with the options that determine a report."""
    from importlib.metadata import version  # takes 10 ms, which `genpas -h` does not need

    lasting = {name: value for each in options for name, value in lasting_options(each).items()}
    usual = {} if reading is None else lasting_options(type(reading)())
    read = {} if reading is None else {k: v for k, v in lasting_options(reading).items() if v != usual[k]}
    return MadeWith(version("genpas"), lasting | {"reading": read} if read else lasting)


@dataclass(frozen=True)
class Machine:
    """The resolved limits of a job."""

    threads: int
    memory: int
    """Bytes."""
    temp_dir: Path


def resolve(options: MachineOptions) -> Machine:
    """Resolve the options to limits on this machine.

    Raises:
        UsageError: threads below 1, an invalid size, or a temporary directory that is missing or not UTF-8.
        MachineError: the system has no usable temporary directory.
    """
    if options.threads is not None and options.threads < 1:
        raise UsageError(f"--threads is {options.threads}; it must be 1 or more")
    memory = (
        int(free_memory() * SHARE_OF_FREE_MEMORY)
        if options.memory_limit is None
        else parse_memory_limit(options.memory_limit)
    )
    temp_dir = Path(options.temp_dir or _system_temp_dir())
    if not temp_dir.is_dir():
        raise UsageError(f"--temp-dir {temp_dir} is not a directory", tip=f"Create it first: mkdir -p {temp_dir}")
    if not is_unicode(temp_dir.absolute()):
        raise UsageError(
            f"--temp-dir {temp_dir}: the path is not valid UTF-8",
            tip="Choose another directory, for example: --temp-dir /var/tmp",
        )
    return Machine(options.threads or cores(), memory, temp_dir)


def _system_temp_dir() -> str:
    try:
        with uninterrupted():  # it writes a file in each candidate to see whether that is possible
            return tempfile.gettempdir()
    except OSError as error:
        raise MachineError(
            "no directory for temporary files: none of the usual directories is writable",
            tip="Name a directory, for example: --temp-dir /dev/shm",
        ) from error


def parse_memory_limit(text: str) -> int:
    """Parse a size such as `2GB`, `512 MiB` or `1.5g` into bytes.

    Raises:
        UsageError: `text` is not a positive size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    unit = _UNITS.get(match[2].lower()) if match else None
    size = int(float(match[1]) * unit) if match and unit else 0
    if match and not match[2] and float(match[1]) > 0:
        raise UsageError(
            f"--memory-limit is {text!r}, a size without a unit", tip=f"Did you mean {match[1]}GB or {match[1]}MB?"
        )
    if size <= 0:
        raise UsageError(f"--memory-limit is {text!r}, which is not a size", tip="Examples: 512MB, 2GB, 1.5GiB.")
    return size


def show_size(size: float) -> str:
    """Format bytes for people, such as `1.3 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  # SI step
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
        size /= 1000
    return f"{size:.1f} TB"


def cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Return the free memory in bytes, of the machine or of its container if that is less; at least 256 MiB."""
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
    """Return the nearest existing directory among `path` and its parents."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if p.is_dir()), Path("/"))


def check_disk(path: Path, needed: int, *, what: str, tip: str) -> None:
    """Raise MachineError if the disk that holds `path` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(existing_parent(path)).free
    if free < needed:
        raise MachineError(
            f"not enough disk space at {existing_parent(path)} for {what}: about {show_size(needed)} are needed, "
            f"{show_size(free)} are free",
            tip=tip,
        )


def check_writable(directory: Path) -> None:
    """Raise MachineError if no file can be created in `directory` or its nearest existing parent."""
    parent = existing_parent(directory)
    try:
        with uninterrupted(), tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise disk_error(error, parent) from error


def disk_error(error: OSError, where: Path, *, option: str = "-o") -> MachineError:
    """Return the MachineError for an OSError on writing; `option` names the option that chooses the location."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"no space left on the disk of {where}",
            tip="Free some disk space, or choose another disk with -o (output) or --temp-dir (temporary files).",
        )
    reason = error.strerror or str(error)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        # `mkdir` says "File exists" of a file where a directory is needed.
        above = next((each for each in where.absolute().parents if each.exists()), None)
        reason = reason if above is None or above.is_dir() else f"{above} is not a directory"
    return MachineError(f"cannot write to {where}: {reason}", tip=f"Choose another path with {option}.")


@contextlib.contextmanager
def scratch_directory(temp_dir: Path) -> Iterator[Path]:
    """Yield a private directory under `temp_dir`, deleted at the end; also delete those of killed runs.

    A run holds a lock on the directory itself, so one that is not locked belongs to no running process. (A lock file
    could be missing if a run was killed while creating or removing the directory.) A marker file in it says that genpas
    made it; other directories with such a name are left alone.
    """
    _remove_dead(temp_dir)
    holding = contextlib.ExitStack()
    with ending_with(holding.close):
        with uninterrupted():
            try:
                path = _new_scratch(temp_dir, holding)
                holding.callback(_remove_scratch, path)
                (path / _OURS).touch()
            except OSError as error:
                raise disk_error(error, temp_dir, option="--temp-dir") from error
        yield path


def _remove_scratch(path: Path) -> None:
    """Remove a scratch directory, the marker file last, because a kill may stop the removal."""
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
            # An empty one without the marker is from a run that was killed while creating or removing it.
            if (path / _OURS).is_file() or not any(path.iterdir()):
                _remove_scratch(path)


def _new_scratch(temp_dir: Path, stack: contextlib.ExitStack) -> Path:
    """Create a directory that stays locked until the stack unwinds."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=temp_dir))
        # Another run may remove the directory before it is locked; then create another one.
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
