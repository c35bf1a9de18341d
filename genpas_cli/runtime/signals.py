"""The signals that end a job (after its cleanup), and how to defer them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

ENDING: set[int] = {signal.SIGINT}
"""Signals whose handlers raise KeyboardInterrupt: SIGINT; the command line adds those that terminate a process.

In a program that uses the library, other signals may have other meanings.
"""


came: list[int] = []
"""Ending signals received by the command line; after one, threads stop waiting for object storage."""

kept: list[Path] = []
"""Unfinished work that a stopped job has kept, for the message of the command line."""

complete: list[Path] = []
"""Outputs that were complete before a signal came, for the same message; some are parts that no longer exist."""


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer ending signals until the block has ended, so that a removal or rename is not left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    previous = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}
    try:
        for number in previous:
            signal.signal(number, lambda number, _: held.append(number))
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@contextlib.contextmanager
def ending_with(release: Callable[[], object]) -> Iterator[None]:
    """Call `release` when the block has ended, also if an ending signal comes just then.

    Args:
        release: undoes something. It is called a second time if the signal comes before signals are deferred, or after
            it has run, so that what it has done must not disturb it.
    """
    try:
        yield
    finally:
        try:
            with uninterrupted():
                release()
        except KeyboardInterrupt:
            with uninterrupted():
                release()
            raise
