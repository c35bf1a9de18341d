"""Runs genpas as `python -m genpas_cli` does, with faults that a test asks for; a script, started by `tests/faults`.

python tests/faults/driver.py [--tell FILE] [--steps FILE] [--kill-before N] [--no-exchange] [--slow-hash S]
    [--interrupt-at N] [--count FILE] -- ARGS

--tell FILE        append the name of each stage as it begins
--steps FILE       append each system call of publishing: what is synced, renamed and removed
--kill-before N    SIGKILL itself before the N-th of these calls (from 0)
--no-exchange      behave as where two names cannot be exchanged in one step
--interrupt-at N   send SIGINT to itself at the N-th call or return of a function that opens or leaves a block
--count FILE       write how many of these calls and returns there were
--slow-hash S      take S seconds for each block of a log that is hashed, as a slow disk would
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from genpas_cli import cli
from genpas_cli.cli import console
from genpas_cli.runtime import atomic_output


def tell_stages(file: Path) -> None:
    """Write each stage's name to a file as it begins."""
    said: list[str] = []

    def tell(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        del done, total, note
        if stage not in said:
            said.append(stage)
            with file.open("a", encoding="utf-8") as out:
                out.write(f"{stage}\n")

    @contextlib.contextmanager
    def progress() -> Iterator[Any]:
        yield tell

    console.progress = progress


def count_steps(file: Path | None, kill_before: int | None) -> None:
    """Count the calls that publish an output, from its sync on, and kill this process before one of them."""
    steps, active = 0, False

    def step(name: str) -> None:
        nonlocal steps
        if not active:
            return
        if steps == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
        if file is not None:
            with file.open("a", encoding="utf-8") as out:
                out.write(f"{name}\n")

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            step(f"{name} {arguments[0]}")
            return function(*arguments, **keywords)

        return call

    for name in ("fsync", "rename", "replace", "unlink", "rmdir"):
        setattr(os, name, wrapped(getattr(os, name), name))
    atomic_output._exchange = wrapped(atomic_output._exchange, "exchange")
    sync = atomic_output.sync

    def begin(path: Path) -> None:
        nonlocal active
        active = True
        sync(path)

    atomic_output.sync = begin


def slow_hashes(seconds: float) -> None:
    """Take so long for each block of a log that is hashed."""
    from genpas_cli.ingest.files import integrity

    read = integrity._HashingFile.read

    def slowly(self: Any, size: int = -1) -> bytes:
        time.sleep(seconds)
        return read(self, size)

    integrity._HashingFile.read = slowly  # type: ignore[method-assign]  # that is the fault


_LEAVES_BLOCKS = ("contextlib.py", "atomic_output.py", "machine.py", "resumable.py", "signals.py")


def interrupt(at: int | None, file: Path | None) -> None:
    """Count the calls and returns of functions by which blocks are opened and left, and interrupt one of them."""
    count = 0

    def seen(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event in ("call", "return") and frame.f_code.co_filename.endswith(_LEAVES_BLOCKS):
            count += 1
            if count == at:
                sys.setprofile(None)
                os.kill(os.getpid(), signal.SIGINT)

    def begun() -> None:
        sys.setprofile(seen)

    def ended() -> None:
        sys.setprofile(None)
        if file is not None:
            file.write_text(str(count), encoding="utf-8")

    cli._spare_threads = begun
    atexit.register(ended)


def main() -> None:
    """Set the faults up, and run the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tell", type=Path)
    parser.add_argument("--steps", type=Path)
    parser.add_argument("--kill-before", type=int)
    parser.add_argument("--no-exchange", action="store_true")
    parser.add_argument("--slow-hash", type=float)
    parser.add_argument("--interrupt-at", type=int)
    parser.add_argument("--count", type=Path)
    parser.add_argument("arguments", nargs="+")
    asked = parser.parse_args()
    if asked.no_exchange:
        atomic_output._exchange = lambda a, b: False  # noqa: ARG005  # as on systems without it
    if asked.tell is not None:
        tell_stages(asked.tell)
    if asked.steps is not None or asked.kill_before is not None:
        count_steps(asked.steps, asked.kill_before)
    if asked.slow_hash is not None:
        slow_hashes(asked.slow_hash)
    if asked.interrupt_at is not None or asked.count is not None:
        interrupt(asked.interrupt_at, asked.count)
    sys.argv = ["genpas", *asked.arguments]
    cli.main()


if __name__ == "__main__":
    main()
