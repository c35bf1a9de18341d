"""What this machine offers genpas: libraries, extras, Java, a GPU, disk, memory, object storage."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from genpas_cli.runtime.errors import GenpasError
from genpas_cli.runtime.extras import EXTRAS
from genpas_cli.runtime.machine import MachineOptions, cores, free_memory, resolve, show_size
from genpas_cli.runtime.object_storage.locations import files_below, location_of

LEAST_JAVA = 17
"""The oldest Java that PySpark 4 runs on."""

_REQUIRED = ("genpas", "duckdb", "numpy", "pyarrow", "rich", "typer")
_LEAST_FREE = 10**9
"""Bytes of free disk below which most logs do not fit."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "missing", "problem"]
    """`missing`: optional, and not installed; `problem`: it is needed or was asked for, and does not work."""
    found: str
    advice: str | None = None
    """What to do about it."""


def examine(options: MachineOptions, uris: Sequence[str], gpu: Callable[[], str | None]) -> list[Finding]:
    """Look at this machine.

    Args:
        options: the limits that a command would be given.
        uris: places on object storage to list.
        gpu: returns the name of a GPU that can be used; called only where PyTorch is installed.

    Raises:
        UsageError, MachineError: the options make no sense here.
    """
    machine = resolve(options)
    findings = [Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}"), *_libraries(), *_extras()]
    findings += [_java(), _gpu(gpu)]
    findings += [
        Finding("threads", "ok", f"{machine.threads} of {cores()} cores"),
        Finding("memory", "ok", f"{show_size(machine.memory)} usable of {show_size(free_memory())} free"),
        _disk("output", Path.cwd()), _disk("temporary files", machine.temp_dir),
    ]  # fmt: skip
    return findings + [_storage(uri) for uri in uris]


@dataclass(frozen=True)
class Findings:
    """The report of `genpas doctor`."""

    findings: list[Finding]


def _libraries() -> Iterator[Finding]:
    for name in _REQUIRED:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "problem", "not installed as a package", "pip install .")


def _extras() -> Iterator[Finding]:
    for name, (modules, people) in EXTRAS.items():
        if any(find_spec(module) is None for module in modules):
            yield Finding(f"extra {name}", "missing", f"{people} not installed", f"pip install 'genpas[{name}]'")
        else:
            yield Finding(f"extra {name}", "ok", people)


def _java() -> Finding:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java") if home is None else str(Path(home) / "bin" / "java")
    said = None if java is None else _output([java, "-version"])
    advice = f"--engine spark needs Java {LEAST_JAVA} or newer"
    if said is None:
        return Finding("Java", "missing", "not found", advice)
    number = re.search(r'version "(\d+)', said)
    old = number is not None and int(number[1]) < LEAST_JAVA
    return Finding("Java", "missing" if old else "ok", said.splitlines()[0], advice if old else None)


def _output(command: list[str]) -> str | None:
    """Return what a program prints, on either stream; None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603  # Java, as it is configured
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout + done.stderr if done.returncode == 0 else None


def _gpu(usable: Callable[[], str | None]) -> Finding:
    if find_spec("torch") is None:
        return Finding("GPU", "missing", "not checked, because PyTorch is not installed")
    found = usable()
    return Finding("GPU", "ok" if found else "missing", found or "no GPU that PyTorch can use; training uses the CPU")


def _disk(what: str, directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    text = f"{show_size(free)} free at {directory}"
    if not os.access(directory, os.W_OK):
        return Finding(what, "problem", f"{directory} cannot be written to", "Choose another directory.")
    if free < _LEAST_FREE:
        return Finding(what, "problem", text, "Free some disk space, or choose another disk (-o, --temp-dir).")
    return Finding(what, "ok", text)


def _storage(uri: str) -> Finding:
    try:
        return Finding(uri, "ok", f"reachable, {len(files_below(location_of(uri)))} files")
    except GenpasError as error:
        return Finding(uri, "problem", error.message, error.tip)
