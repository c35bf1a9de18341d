"""DuckDB connections for all jobs: with limits, without network access, interruptible by Ctrl-C.

DuckDB itself does not stop for a signal inside `create table as`, a CSV load or a conversion to Arrow, because Python
cannot run its signal handler. So the signal's number is written to a socket (`signal.set_wakeup_fd`), and a thread that
reads it interrupts the connection and its cursors until the query returns.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.signals import ENDING, uninterrupted

_AGAIN_SECONDS = 0.05
_IDLE_SECONDS = 0.5
"""Interval at which the watcher checks whether the main thread has ended."""

OUTSIDE_DUCKDB = 260 * 2**20
"""Bytes of a job outside DuckDB: the interpreter, the libraries, batches, threads."""

COUNTED = 0.85
"""Share of DuckDB's memory that its limit counts: sorting 150 million rows, it took a seventh more than its limit."""

_LEAST = 128 * 2**20
"""Minimum bytes for DuckDB, without which it cannot read a CSV (or the whole memory limit if that is smaller)."""
_FLOOR = 16 * 2**20
"""Bytes that DuckDB always gets: with less it cannot read even a small log, so that no job could tell what it needs."""


class Database:
    """A DuckDB connection and its cursors.

    Attributes:
        con: the main connection.
        memory: memory limit of the connection in bytes.
        scratch: directory for spills and other temporary files.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, memory: int, scratch: Path) -> None:
        self.con, self.memory, self.scratch = con, memory, scratch
        self._reserved = 0
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._lock = threading.Lock()

    def leave(self, room: int) -> None:
        """Lower the memory limit by `room` bytes needed outside the database, but by at most half of the limit."""
        self.limit(max(self.memory - room, self.memory // 2))

    def limit(self, memory: int) -> None:
        """Set the memory limit in bytes."""
        self.memory = memory
        self.con.execute(f"set memory_limit = '{memory // 1024}KiB'")

    def reserve(self, size: int) -> None:
        """Set bytes aside for tables in memory that will be filled: `free` does not count them."""
        self._reserved += size

    def free(self) -> int:
        """Return the bytes of the memory limit that in-memory tables do not take yet."""
        query = "select memory_usage_bytes from duckdb_memory() where tag = 'IN_MEMORY_TABLE'"
        return self.memory - self._reserved - sum(int(held) for (held,) in self.con.sql(query).fetchall())

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new cursor; each reader needs its own, since an undrained result blocks its connection."""
        with self._lock:
            cursor = self.con.cursor()
            self._cursors.append(cursor)
        return cursor

    def read(self, sql: str, rows: int) -> Iterator[Any]:
        """Yield the Arrow record batches of a query (`rows` rows each), in order, on a cursor of its own.

        This uses `sql(q)`, because `execute(q)` would copy the result outside the memory limit.
        """
        cursor = self.cursor()
        try:
            yield from cursor.sql(sql).to_arrow_reader(rows)
        except OSError as error:
            # Arrow raises DuckDB's errors as OSError, which callers would take for a failed write of the output.
            raise duckdb.OperationalError(str(error)) from error
        finally:
            with self._lock:
                self._cursors.remove(cursor)
            cursor.close()

    def feed(self, sql: str, schema: Any, batches: Iterable[Any]) -> None:
        """Run a statement that reads Arrow batches from a generator, as the relation `feed`.

        An exception in the generator is raised itself, instead of DuckDB's InvalidInputException.
        """
        failures: list[BaseException] = []

        def guarded() -> Iterator[Any]:
            try:
                yield from batches
            except BaseException as error:
                failures.append(error)
                raise

        self.con.register("feed", pa.RecordBatchReader.from_batches(schema, guarded()))
        try:
            self.con.execute(sql)
        except (duckdb.Error, RuntimeError) as error:
            if failures:
                raise failures[0] from error
            raise
        finally:
            self.con.unregister("feed")

    def create(self, table: str, select: str, schema: Any, parts: Iterable[Iterable[Any]]) -> None:
        """Create a table from a query over the relation `feed`, part by part.

        The first batch of each part is computed before the part's statement starts, because it may need a sort:
        while a statement runs, the sort would have one thread, as the others wait for the feed.
        """
        self.feed(f"create table {table} as {select}", schema, ())
        for part in parts:
            batches = iter(part)
            first = list(itertools.islice(batches, 1))
            self.feed(f"insert into {table} {select}", schema, itertools.chain(first, batches))

    def interrupt(self) -> None:
        """Interrupt the connection and its cursors, which the connection's own `interrupt()` does not reach."""
        with self._lock:
            for con in (self.con, *self._cursors):
                with contextlib.suppress(duckdb.Error):
                    con.interrupt()


@contextlib.contextmanager
def connect(machine: Machine, scratch: Path, *, memory: int | None = None) -> Iterator[Database]:
    """Open an in-memory database that spills to `scratch` and is interruptible by Ctrl-C.

    Args:
        machine: the limits.
        scratch: directory for spills.
        memory: bytes for DuckDB; by default the part of the limit that is left for it.
    """
    memory = memory or max(int((machine.memory - OUTSIDE_DUCKDB) * COUNTED), min(machine.memory, _LEAST), _FLOOR)
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(machine.threads),
        "memory_limit": f"{memory // 1024}KiB",
        "temp_directory": str(scratch / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as con:
        con.execute("set global timezone = 'UTC'")  # global, so that it holds for cursors too
        database = Database(con, memory, scratch)
        with _interruptible(database):
            yield database


_watched: dict[int, Database] = {}
"""Open databases of the main thread by the descriptor of their wakeup socket, in the order of opening."""
_before: list[int] = []
"""The wakeup descriptor that was set before the first of them."""


def _set_wakeup(descriptor: int) -> int:
    return signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


def _watch_with(descriptor: int, database: Database) -> None:
    """Let signals be written to the descriptor of a database that was just opened."""
    previous = _set_wakeup(descriptor)
    if not _watched:
        _before[:] = [previous]
    _watched[descriptor] = database


def _unwatch(wakeup: socket.socket) -> None:
    """Let signals be written to the descriptor of the database opened last of those left: any may be closed first."""
    descriptor = wakeup.fileno()
    del _watched[descriptor]
    if threading.current_thread() is threading.main_thread():
        _set_wakeup(next(reversed(_watched), _before[0]))
    with contextlib.suppress(OSError):
        os.write(descriptor, b"\0")
    if threading.current_thread() is threading.main_thread():
        wakeup.close()
    else:
        wakeup.detach()  # Signals may still be written to it, as only the main thread can set another descriptor.


def _interrupt_all() -> None:
    for database in tuple(_watched.values()):
        database.interrupt()


@contextlib.contextmanager
def _interruptible(database: Database) -> Iterator[None]:
    """Turn an ending signal into KeyboardInterrupt at once, also inside a query; in the main thread only.

    Several databases can be open, and be closed in any order: streams of pairs stay open as long as they are used.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, wakeup = socket.socketpair()
    wakeup.setblocking(False)  # noqa: FBT003  # its only parameter
    seen, done = threading.Event(), threading.Event()

    ours.settimeout(_IDLE_SECONDS)

    def watch() -> None:
        # A signal just before the cleanup below may skip it: then this thread ends with the main thread.
        while threading.main_thread().is_alive():
            try:
                data = ours.recv(1)
            except TimeoutError:
                continue
            if not data:
                return
            if data[0] in ENDING:
                seen.set()
                # Interrupt repeatedly, because an interrupt between two queries of a job has no effect.
                while threading.main_thread().is_alive() and not done.wait(_AGAIN_SECONDS):
                    _interrupt_all()
                return

    watcher = threading.Thread(target=watch, name="genpas-interrupts")
    with uninterrupted():  # an interrupt within Thread.start may deadlock, see `threads`
        _watch_with(wakeup.fileno(), database)
        watcher.start()
    try:
        yield
    except Exception as error:
        # An error after Ctrl-C is a consequence of it. DuckDB may notice the signal before the watcher does, and then
        # raises "Interrupted", or "KeyboardInterrupt" if the signal came while it called Python.
        by_duckdb = isinstance(error, (duckdb.Error, RuntimeError)) and "nterrupt" in str(error)
        if seen.is_set() or by_duckdb:
            raise KeyboardInterrupt from error
        raise
    finally:
        with uninterrupted():
            done.set()
            _unwatch(wakeup)
            watcher.join()
            ours.close()
