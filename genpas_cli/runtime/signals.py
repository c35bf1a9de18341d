"""Which signals end a job, with everything that it has begun taken away again, and how they are held back."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

ENDING: set[int] = {signal.SIGINT}
"""Signals whose handlers raise KeyboardInterrupt: Ctrl-C; the command line adds those by which a system ends a process.

In a program that uses the library, other signals have a meaning of its own.
"""


came: list[int] = []
"""Ending signals that have come to the command line: threads that wait for object storage stop waiting then."""


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and its like back until the block has ended: what it removes or names is not left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    previous = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}
    for number in previous:
        signal.signal(number, lambda number, _: held.append(number))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
