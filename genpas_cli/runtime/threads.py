"""Thread pools that are safe when the main thread is interrupted at any point.

A signal handler may raise KeyboardInterrupt in the main thread, and the garbage collector may close a forgotten
generator there, between any two bytecodes. Locks written in Python may then never be released, or deadlock with another
thread: this affects `Event.set`, `Future.result`, `Thread.start`, and the lock that all executors of concurrent.futures
share. So this module uses neither futures nor executors: calls and results pass through SimpleQueues, which are C code
and atomic; the rest runs with signals deferred.

The threads of a pool end with the main thread, and do not exist in a forked process. An iteration that is still open
then may be closed or continued in another thread: so waiting for a task of a pool without threads runs the task.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import repeat
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from genpas_cli.runtime.signals import uninterrupted

T = TypeVar("T")

_IDLE_SECONDS = 0.5
"""Interval at which an idle thread checks whether the main thread has ended."""


class _Outcome(NamedTuple):
    """The result of a call, or its exception."""

    value: Any
    error: BaseException | None


class _Call(NamedTuple):
    """A call for a thread, and the queue for its outcome."""

    work: Callable[[], Any]
    ended: SimpleQueue[_Outcome]


class _Crew(NamedTuple):
    """The threads of a pool, and the queue of their work."""

    calls: SimpleQueue[_Call | None]
    threads: list[threading.Thread]
    ended: list[None]
    """One entry per thread that has ended."""
    process: int
    """Id of the process that has the threads; a forked process has none of them."""

    def stand_in(self) -> None:
        """Run the waiting calls on this thread if the pool has no running thread."""
        # Thread.is_alive is not safe: an interrupt in it marks a running thread as stopped.
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
        """Wait at most this many seconds for the call to end, and tell whether it has."""
        self._crew.stand_in()
        try:
            self._ended.put(self._ended.get(timeout=seconds))
        except Empty:
            return False
        return True

    def result(self) -> T:
        """Wait for the call to end, and return its result or raise its exception."""
        # Wait in intervals, because the pool's threads may end meanwhile.
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
        threads: number of threads.
        name: prefix of their names.
        finish: whether closing the pool runs the tasks that have not started, or drops them.

    Attributes:
        stopping: set when the pool is closed; long tasks check it.
    """

    def __init__(self, threads: int, name: str, *, finish: bool = False) -> None:
        self._finish = finish
        self.stopping = threading.Event()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # Ends the threads if an interrupt comes between the creation of the pool and the block that closes it.
        weakref.finalize(self, self._calls.put, None)
        self._crew = _Crew(self._calls, [], [], os.getpid())
        with uninterrupted():
            for number in range(threads):
                thread = threading.Thread(target=_serve, args=(self._calls, self._crew.ended), name=f"{name}-{number}")
                with suppress(RuntimeError):  # no thread can be started at interpreter exit, as in `atexit`
                    thread.start()
                    self._crew.threads.append(thread)

    def submit(self, work: Callable[..., T], *arguments: object) -> Task[T]:
        """Call `work` with the arguments on a thread."""
        ended: SimpleQueue[_Outcome] = SimpleQueue()
        self._calls.put(_Call(partial(work, *arguments), ended))
        return Task(ended, self._crew)

    def close(self) -> None:
        """Wait for running tasks, and with `finish` for all tasks; drop the others; end the threads."""
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
    # An interrupt just before the pool is closed may prevent that, so threads also end with the main thread.
    while threading.main_thread().is_alive():
        with suppress(Empty):
            call = calls.get(timeout=_IDLE_SECONDS)
            if call is None:
                calls.put(None)  # for the next thread
                return
            call.ended.put(_outcome_of(call.work))
            del call  # frees its arguments before the next call comes


def _outcome_of(work: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(work(), None)
    except BaseException as error:  # noqa: BLE001  # raised again by `Task.result`
        return _Outcome(None, error)


@contextmanager
def pool(threads: int, name: str, *, finish: bool = False) -> Iterator[Pool]:
    """Yield a `Pool`, and close it after the block."""
    threads_ = Pool(threads, name, finish=finish)
    try:
        yield threads_
    finally:
        threads_.close()


def in_order(workers: Pool, calls: Iterable[Callable[[], T]], *, ahead: int) -> Iterator[T]:
    """Yield the results of the calls in their order, with at most `ahead` calls running or waiting."""
    running: deque[Task[T]] = deque()
    for call in calls:
        running.append(workers.submit(call))
        if len(running) >= ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


class InOrder(Protocol):
    """Calls functions, on several threads if it has them, and yields their results in the order of the functions."""

    def __call__(self, calls: Iterable[Callable[[], T]], /) -> Iterator[T]:
        """Yield the results; `calls` is iterated on the calling thread."""
        ...


@contextmanager
def calling_in_order(threads: int, name: str) -> Iterator[InOrder]:
    """Yield an `InOrder` with this many threads, of which one call more than that waits or runs."""
    with pool(threads, name) as workers:

        def run(calls: Iterable[Callable[[], T]], /) -> Iterator[T]:
            return in_order(workers, calls, ahead=threads + 1)

        yield run


class Lanes:
    """Threads of which each does its own tasks, in the order in which it gets them.

    So what a lane adds up does not depend on the other lanes, nor on their number.

    Args:
        pools: one pool of one thread per lane.
        ahead: rounds of tasks that may wait.
    """

    def __init__(self, pools: Sequence[Pool], ahead: int) -> None:
        self._pools, self._ahead = pools, ahead
        self._rounds: deque[list[Task[None]]] = deque()

    def __len__(self) -> int:
        return len(self._pools)

    def put(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Give each lane its next task; wait while too many rounds wait."""
        self._rounds.append([lane.submit(task) for lane, task in zip(self._pools, tasks, strict=True)])
        if len(self._rounds) > self._ahead:
            self._finish_first()

    def finish(self) -> None:
        """Wait for all tasks; raise the first exception of one."""
        while self._rounds:
            self._finish_first()

    def _finish_first(self) -> None:
        for task in self._rounds.popleft():
            task.result()


@contextmanager
def lanes(count: int, name: str, *, ahead: int = 2) -> Iterator[Lanes]:
    """Yield `Lanes`; after the block all of their tasks have been done."""
    with ExitStack() as stack:
        made = Lanes([stack.enter_context(pool(1, f"{name}-{number}")) for number in range(count)], ahead)
        yield made
        made.finish()


def made_ahead(worker: Pool, items: Iterator[T], *, ahead: int) -> Iterator[T]:
    """Yield the items of an iterator that a pool of one thread advances, at most `ahead` before they are taken."""
    step: Callable[[], T] = partial(next, items, _END)
    for item in in_order(worker, repeat(step), ahead=ahead):
        if item is _END:
            return
        yield item


_END: Any = object()
