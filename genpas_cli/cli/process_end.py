"""How the process ends when a signal or the reader of its stdout ends it. Light: it stands before all other imports."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from genpas_cli.runtime.signals import ENDING, came
from genpas_cli.runtime.text.visible import one_line

_INTERRUPTED = 128 + signal.SIGINT
_MACHINE = 3


@contextmanager
def outermost() -> Iterator[None]:
    """Handle Ctrl-C, SIGTERM and SIGHUP, and a reader that went away outside of our commands.

    Typer would end in its own ways: it takes Ctrl-C in silence, and a reader that has read enough of `--help` for a
    failure.
    """
    came.clear()

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
        except Exception as error:  # noqa: BLE001  # what a command raises is handled there: this is how it began
            sys.stderr.write(f"error: genpas cannot start: {type(error).__name__}: {one_line(str(error))}\n")
            sys.exit(_MACHINE)


@contextmanager
def leaving_requests_behind() -> Iterator[None]:
    """End the process at once where a request to object storage is under way that nobody waits for: Arrow would."""
    try:
        yield
    except SystemExit as leaving:
        calls = sys.modules.get("genpas_cli.runtime.object_storage.requests")
        if calls is None or not calls.is_unanswered():
            raise
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))


@contextmanager
def _handled_by(end: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have Ctrl-C, and the signals by which a system ends a process, end the block, unless they are ignored.

    Ctrl-C too is noted in `came`: a library that it interrupts may make an error of its own of it.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    usual = (signal.SIG_DFL, signal.default_int_handler)
    added, ending = [number for number, handler in before.items() if handler in usual], set(ENDING)
    try:
        with suppress(ValueError):  # not the main thread: handlers are not ours to set
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
    """Say it, unless nobody listens any more; a second signal comes too late to change anything."""
    with suppress(ValueError):
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
    give_up_stdout()
    from genpas_cli.cli import console

    with suppress(OSError):
        console.error("interrupted; nothing was left half-written", None)


def give_up_stdout() -> None:
    """Send what is left for stdout nowhere: Python flushes it once more on exit, and would fail again, with words."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
