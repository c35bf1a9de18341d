"""Threads that the main thread can give up at any moment.

A signal's handler may raise KeyboardInterrupt in the main thread, and the garbage collector may close a forgotten
generator there, between any two steps of Python code. Locks written in Python are then held by somebody who never gives
them back, or waits for a thread that wants the same one: so it is with `Event.set`, `Future.result`, `Thread.start`,
and with the lock that all executors of concurrent.futures share. Hence neither futures nor executors here: calls go out
by a SimpleQueue and results come back by one, which is C code and has no such gap; what is left is done with signals
held back.

The threads of a pool end with the main thread, and do not exist in a forked process. An iteration that is still open
then may yet be closed, or go on in another thread: so whoever waits for a task of a pool without threads does its work.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from genpas_cli.runtime.signals import uninterrupted

T = TypeVar("T")

_IDLE_SECONDS = 0.5
"""After so long without work a thread looks whether the process is about to end."""


class _Outcome(NamedTuple):
    """How a call ended."""

    value: Any
    error: BaseException | None


class _Call(NamedTuple):
    """What a thread is to do."""

    work: Callable[[], Any]
    ended: SimpleQueue[_Outcome]


class _Crew(NamedTuple):
    """The threads of a pool, and the queue of their work."""

    calls: SimpleQueue[_Call | None]
    threads: list[threading.Thread]
    ended: list[None]
    """An entry for each thread that takes no more calls."""
    process: int
    """Process id: a forked process has none of the threads."""

    def stand_in(self) -> None:
        """Do the waiting calls on this thread if the pool has no thread to do them."""
        # Not Thread.is_alive: an interrupt in it marks a running thread as stopped.
        if len(self.ended) < len(self.threads) and os.getpid() == self.process:
            return
        with suppress(Empty):
            while True:
                if (call := self.calls.get_nowait()) is not None:
                    call.ended.put(_outcome_of(call.work))


class Task(Generic[T]):
    """A call on another thread."""

    def __init__(self, ended: SimpleQueue[_Outcome], crew: _Crew) -> None:
        self._ended, self._crew = ended, crew

    def done(self, seconds: float) -> bool:
        """Wait for its end, at most so long, and tell whether it has come."""
        self._crew.stand_in()
        try:
            self._ended.put(self._ended.get(timeout=seconds))
        except Empty:
            return False
        return True

    def result(self) -> T:
        """Wait for its end, and return what it returned or raise what it raised."""
        # In turns: the pool's threads may end while this one waits.
        while not self.done(_IDLE_SECONDS):
            pass
        outcome = self._ended.get()
        self._ended.put(outcome)
        if outcome.error is not None:
            raise outcome.error
        value: T = outcome.value
        return value


class Pool:
    """Threads that take tasks in the order of their submission.

    Args:
        threads: how many.
        name: what they are called.
        finish: whether tasks that have not begun are still done when the pool is left, or forgotten.

    Attributes:
        stopping: set when the pool is left; tasks that take long look at it.
    """

    def __init__(self, threads: int, name: str, *, finish: bool = False) -> None:
        self._finish = finish
        self.stopping = threading.Event()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # An interrupt may come between the making of a pool and the block that closes it.
        weakref.finalize(self, self._calls.put, None)
        self._crew = _Crew(self._calls, [], [], os.getpid())
        with uninterrupted():
            for number in range(threads):
                thread = threading.Thread(target=_serve, args=(self._calls, self._crew.ended), name=f"{name}-{number}")
                with suppress(RuntimeError):  # no thread can be started while a process ends, as in `atexit`
                    thread.start()
                    self._crew.threads.append(thread)

    def submit(self, work: Callable[..., T], *arguments: object) -> Task[T]:
        """Have it called on a thread."""
        ended: SimpleQueue[_Outcome] = SimpleQueue()
        self._calls.put(_Call(partial(work, *arguments), ended))
        return Task(ended, self._crew)

    def close(self) -> None:
        """End: tasks that run, or are to be finished, are waited for; others are forgotten."""
        with uninterrupted():
            self.stopping.set()
            with suppress(Empty):
                while not self._finish:
                    self._calls.get_nowait()
            self._calls.put(None)
            for thread in self._crew.threads:
                thread.join()


def _serve(calls: SimpleQueue[_Call | None], ended: list[None]) -> None:
    try:
        _serve_until_end(calls)
    finally:
        ended.append(None)


def _serve_until_end(calls: SimpleQueue[_Call | None]) -> None:
    # An interrupt may come just before a pool is closed, and keep it until the process ends: then nobody says so.
    while threading.main_thread().is_alive():
        with suppress(Empty):
            call = calls.get(timeout=_IDLE_SECONDS)
            if call is None:
                calls.put(None)  # for the next thread
                return
            call.ended.put(_outcome_of(call.work))
            del call  # else what it was given would be held until the next one


def _outcome_of(work: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(work(), None)
    except BaseException as error:  # noqa: BLE001  # raised again where the result is asked for
        return _Outcome(None, error)


@contextmanager
def pool(threads: int, name: str, *, finish: bool = False) -> Iterator[Pool]:
    """Give threads, see `Pool`; on the way out none is left running."""
    threads_ = Pool(threads, name, finish=finish)
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
