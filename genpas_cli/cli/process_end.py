"""How the process ends when a signal or the reader of its stdout ends it.

It imports little, because it runs before all other imports.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from genpas_cli.runtime.signals import ENDING, came, complete, kept
from genpas_cli.runtime.text.visible import one_line

_INTERRUPTED = 128 + signal.SIGINT
_MACHINE = 3


@contextmanager
def outermost() -> Iterator[None]:
    """Handle Ctrl-C, SIGTERM and SIGHUP, and a reader that went away outside of our commands.

    Typer handles both differently: it ends silently on Ctrl-C, and treats a pipe closed after `--help` as a failure.
    """
    came.clear()
    kept.clear()
    complete.clear()

    def end(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    with _handled_by(end):
        try:
            yield
        except (KeyboardInterrupt, SystemExit) as leaving:
            if isinstance(leaving, KeyboardInterrupt) or leaving.code == _INTERRUPTED:
                _say_interrupted()
                sys.exit(128 + came[0] if came else _INTERRUPTED)
            if isinstance(leaving.__context__, BrokenPipeError):
                give_up_stdout()
                sys.exit(0)
            raise
        except Exception as error:  # noqa: BLE001  # raised before `exit_codes` could handle it
            sys.stderr.write(f"error: genpas cannot start: {type(error).__name__}: {one_line(str(error))}\n")
            sys.exit(_MACHINE)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process at the end of the block, without taking the interpreter down, which takes 50 ms.

    PyTorch and PySpark need it: they end processes of their own there. A request to object storage that nobody waits
    for any more must not be waited for, so it ends the process in any case.
    """
    try:
        yield
    except SystemExit as leaving:
        calls = sys.modules.get("genpas_cli.runtime.object_storage.requests")
        is_unanswered = calls is not None and calls.is_unanswered()
        if not is_unanswered and {"torch", "pyspark"} & set(sys.modules):
            raise
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            if not is_unanswered:
                raise leaving from None
        os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))


@contextmanager
def _handled_by(end: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the block, unless they are ignored.

    Each is recorded in `came`, because a library that is interrupted may raise an error of its own instead.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    usual = (signal.SIG_DFL, signal.default_int_handler)
    added, ending = [number for number, handler in before.items() if handler in usual], set(ENDING)
    try:
        with suppress(ValueError):  # only the main thread may set handlers
            for number in added:
                signal.signal(number, end)
                ENDING.add(number)
        yield
    finally:
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler)
            ENDING.intersection_update(ending)


def _say_interrupted() -> None:
    """Print the message unless stderr is closed; a second signal has no further effect."""
    with suppress(ValueError):
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
    give_up_stdout()
    from genpas_cli.cli import console

    there = ", ".join(map(str, filter(os.path.lexists, complete)))
    left = (
        f"finished work is kept in {kept[-1]}" if kept else f"complete: {there}" if there else "nothing was left behind"
    )
    tip = "To continue, run the same command with --resume" if kept else None
    with suppress(OSError):
        console.error(f"interrupted; {left}", tip)


def give_up_stdout() -> None:
    """Discard what is left for stdout: Python flushes it again on exit, and would fail again with a message."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
