"""Threads that the main thread can give up at any moment.

A signal's handler may raise KeyboardInterrupt in the main thread inside `Event.set`, `Future.result`, `wait` or
`Thread.start`, after they took their lock and before they can give it back (`Condition.__enter__` is Python code); the
thread that needs it next waits for ever. So they are called here with signals held back, and what may take long is
waited for in a SimpleQueue, which is C code and has no such gap.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from genpas_cli.signals import uninterrupted

T = TypeVar("T")


class Task(Generic[T]):
    """A call on another thread."""

    def __init__(self, future: Future[T]) -> None:
        self._future = future
        done: SimpleQueue[None] = SimpleQueue()
        self._done = done
        # Not the future itself: in a circle with its callback, a large result would outlive its use.
        future.add_done_callback(lambda _: done.put(None))

    def done(self, seconds: float) -> bool:
        """Wait for its end, at most so long, and tell whether it has come."""
        try:
            self._done.get(timeout=seconds)
        except Empty:
            return False
        self._done.put(None)
        return True

    def result(self) -> T:
        """Wait for its end, and return what it returned or raise what it raised."""
        self._done.get()
        self._done.put(None)
        return self._future.result()


class Pool:
    """Threads that take tasks in the order of their submission.

    Attributes:
        stopping: set when the pool is left; tasks that take long look at it.
    """

    def __init__(self, threads: int, name: str) -> None:
        self.stopping = threading.Event()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def submit(self, work: Callable[..., T], *arguments: object) -> Task[T]:
        """Have it called on a thread."""
        with uninterrupted():
            return Task(self._executor.submit(work, *arguments))

    def close(self) -> None:
        """End: tasks that have not begun are forgotten, those that run are waited for."""
        with uninterrupted():
            self.stopping.set()
            self._executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def pool(threads: int, name: str) -> Iterator[Pool]:
    """Give threads; on the way out none is left running."""
    threads_ = Pool(threads, name)
    try:
        yield threads_
    finally:
        threads_.close()


def in_order(workers: Pool, calls: Iterable[Callable[[], T]], *, ahead: int) -> Iterator[T]:
    """Yield the results of the calls in their order, with at most `ahead` of them in the making or waiting."""
    running: deque[Task[T]] = deque()
    for call in calls:
        running.append(workers.submit(call))
        if len(running) >= ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
