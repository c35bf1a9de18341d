"""DuckDB connections as every job opens them: limits set, nothing fetched from the network, Ctrl-C obeyed.

DuckDB does not stop for a signal by itself inside `create table as`, a CSV load or a conversion to Arrow: the
interpreter never gets to run its handler. So the signal's number is written to a pipe (`signal.set_wakeup_fd`), and a
thread that reads it interrupts every open connection until the query has come back.
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
"""After so long without a signal the watcher looks whether the process is about to end."""

BESIDE = 260 * 2**20
"""Bytes that a job takes beside what DuckDB counts: the interpreter, the libraries, batches, threads."""

COUNTED = 0.85
"""Share of its memory that DuckDB counts: sorting 150 million rows, it took a seventh more than it was allowed."""

_LEAST = 128 * 2**20
"""Bytes without which DuckDB cannot read a CSV: where a limit leaves less, it has as much all the same."""


class Database:
    """A DuckDB connection and its cursors.

    Attributes:
        con: the main connection.
        memory: bytes that it may take.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, memory: int) -> None:
        self.con, self.memory = con, memory
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._lock = threading.Lock()

    def leave(self, room: int) -> None:
        """Take less memory from now on, as this many bytes are needed beside; half of it is kept whatever they are."""
        self.memory = max(self.memory - room, self.memory // 2)
        self.con.execute(f"set memory_limit = '{self.memory // 1024}KiB'")

    def free(self) -> int:
        """Return the bytes that it may take beside the tables that are in memory already."""
        query = "select memory_usage_bytes from duckdb_memory() where tag = 'IN_MEMORY_TABLE'"
        return self.memory - sum(int(held) for (held,) in self.con.sql(query).fetchall())

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new cursor: an undrained result blocks its connection, so each reader takes one of its own."""
        with self._lock:
            cursor = self.con.cursor()
            self._cursors.append(cursor)
        return cursor

    def read(self, sql: str, rows: int) -> Iterator[Any]:
        """Yield the Arrow record batches of a query, in order, on a cursor of their own.

        `sql(q)` and not `execute(q)`: the latter copies the result outside the memory limit.
        """
        cursor = self.cursor()
        try:
            yield from cursor.sql(sql).to_arrow_reader(rows)
        except OSError as error:
            # What fails inside a reader comes out of Arrow as an OSError, and would be taken for our own output's.
            raise duckdb.OperationalError(str(error)) from error
        finally:
            with self._lock:
                self._cursors.remove(cursor)
            cursor.close()

    def feed(self, sql: str, schema: Any, batches: Iterable[Any]) -> None:
        """Run a statement that reads Arrow batches from a generator, as the relation `feed`.

        An exception in the generator would come out as DuckDB's InvalidInputException: it is kept, and raised itself.
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
        """Create a table of a query over the relation `feed`, part by part.

        What a part begins with may be the first of a sort. It is waited for before the part is fed: within a statement
        that runs, a query has one thread, as the others wait for the feed.
        """
        self.feed(f"create table {table} as {select}", schema, ())
        for part in parts:
            batches = iter(part)
            first = list(itertools.islice(batches, 1))
            self.feed(f"insert into {table} {select}", schema, itertools.chain(first, batches))

    def interrupt(self) -> None:
        """Interrupt whatever runs on the connection or a cursor of it; `interrupt()` alone does not reach cursors."""
        with self._lock:
            for con in (self.con, *self._cursors):
                with contextlib.suppress(duckdb.Error):
                    con.interrupt()


@contextlib.contextmanager
def connect(machine: Machine, scratch: Path, *, memory: int | None = None) -> Iterator[Database]:
    """Open an in-memory database that spills to `scratch` and obeys Ctrl-C.

    Args:
        machine: the limits.
        scratch: directory for spills.
        memory: bytes for DuckDB; by default what the limit leaves for it.
    """
    memory = memory or max(int((machine.memory - BESIDE) * COUNTED), min(machine.memory, _LEAST))
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(machine.threads),
        "memory_limit": f"{memory // 1024}KiB",
        "temp_directory": str(scratch / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as con:
        con.execute("set global timezone = 'UTC'")  # global: cursors too
        database = Database(con, memory)
        with _interruptible(database):
            yield database


@contextlib.contextmanager
def _interruptible(database: Database) -> Iterator[None]:
    """Turn Ctrl-C and its like into KeyboardInterrupt at once, also inside a query; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, wakeup = socket.socketpair()
    wakeup.setblocking(False)  # noqa: FBT003  # its only parameter
    seen, done = threading.Event(), threading.Event()

    ours.settimeout(_IDLE_SECONDS)

    def watch() -> None:
        # A signal may come just before the end is told below, which is then left out; the process ends all the same.
        while threading.main_thread().is_alive():
            try:
                data = ours.recv(1)
            except TimeoutError:
                continue
            if not data:
                return
            if data[0] in ENDING:
                seen.set()
                # Once is not enough: an interrupt that comes between two queries of a job is forgotten.
                while threading.main_thread().is_alive() and not done.wait(_AGAIN_SECONDS):
                    database.interrupt()
                return

    watcher = threading.Thread(target=watch, name="genpas-interrupts")
    with uninterrupted():  # see `threads`
        previous = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        watcher.start()
    try:
        yield
    except Exception as error:
        # Whatever goes wrong after Ctrl-C goes wrong because of it. DuckDB may notice it before the watcher does: it
        # says "Interrupted", or "KeyboardInterrupt" where the signal came as it called Python.
        by_duckdb = isinstance(error, (duckdb.Error, RuntimeError)) and "nterrupt" in str(error)
        if seen.is_set() or by_duckdb:
            raise KeyboardInterrupt from error
        raise
    finally:
        with uninterrupted():
            done.set()
            signal.set_wakeup_fd(previous)
            with contextlib.suppress(OSError):
                os.write(wakeup.fileno(), b"\0")
            wakeup.close()
            watcher.join()
            ours.close()
