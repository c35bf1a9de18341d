"""How the process ends when a signal or the reader of its stdout ends it.

It imports little, because it runs before all other imports.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from genpas_cli.runtime.signals import ENDING, came, complete, kept
from genpas_cli.runtime.text.visible import one_line

_INTERRUPTED = 128 + signal.SIGINT
_MACHINE = 3
_AGAIN_SECONDS = 0.01


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

    try:
        with _handled_by(end):
            try:
                yield
            except KeyboardInterrupt as leaving:
                _end_interrupted(leaving)
            except SystemExit as leaving:
                if leaving.code == _INTERRUPTED:
                    _end_interrupted(leaving)
                if isinstance(leaving.__context__, BrokenPipeError):
                    give_up_stdout()
                    sys.exit(0)
                raise
            except Exception as error:  # noqa: BLE001  # raised before `exit_codes` could handle it
                sys.stderr.write(f"error: genpas cannot start: {type(error).__name__}: {one_line(str(error))}\n")
                sys.exit(_MACHINE)
    except KeyboardInterrupt as leaving:  # while the handlers were set or restored
        _end_interrupted(leaving)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process at the end of the block, without taking the interpreter down, which takes 50 ms.

    PyTorch and PySpark need it: they end processes of their own there. A request to object storage that nobody waits
    for any more must not be waited for, so it ends the process in any case.
    """
    try:
        yield
    except SystemExit as leaving:
        _ignore_signals()
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
    show = sys.unraisablehook
    usual = (signal.SIG_DFL, signal.default_int_handler)
    added, ending = [number for number, handler in before.items() if handler in usual], set(ENDING)
    try:
        with suppress(ValueError):  # only the main thread may set handlers
            for number in added:
                signal.signal(number, end)
                ENDING.add(number)
        sys.unraisablehook = lambda lost: _send_again() if lost.exc_type is KeyboardInterrupt and came else show(lost)
        yield
    finally:
        sys.unraisablehook = show
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler)
            ENDING.intersection_update(ending)


def _send_again() -> None:
    """Repeat a signal that came within a finalizer or a callback, where Python drops what its handler raises."""
    again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), came[0]))
    again.daemon = True
    again.start()


def _end_interrupted(leaving: BaseException) -> NoReturn:
    _ignore_signals()
    _leave_open_blocks(leaving)
    _say_interrupted()
    sys.exit(128 + came[0] if came else _INTERRUPTED)


def _ignore_signals() -> None:
    """Give a second signal no further effect."""
    with suppress(ValueError):
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


def _leave_open_blocks(leaving: BaseException) -> None:
    """Leave the `with` blocks whose own `__enter__` or `__exit__` the signal has interrupted.

    Their generators are suspended for as long as the frames of the traceback hold them, and the process ends without
    releasing those.
    """
    error: BaseException | None = leaving
    while error is not None:
        frames, entry = list[FrameType](), error.__traceback__
        while entry is not None:
            frames.append(entry.tb_frame)
            entry = entry.tb_next
        for frame in reversed(frames):
            with suppress(RuntimeError):  # it is still being executed
                frame.clear()
        error = error.__cause__ or error.__context__


def _say_interrupted() -> None:
    """Print the message unless stderr is closed."""
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
