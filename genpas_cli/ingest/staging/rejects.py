"""Bad rows with file, line and reason, raised as an error or written to the rejects file.

DuckDB detects malformed text, but counts records instead of lines, keeps its own rejects outside the memory limit, and
lets one open quote swallow the rest of the file. So a file that it refuses is read once more here, and the good rows
are written to a clean copy for DuckDB.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.log_file import LogFile
from genpas_cli.ingest.formats.records import Record, not_text, readable
from genpas_cli.runtime.errors import DataError, MachineError

if TYPE_CHECKING:
    import duckdb

SKIP_TIP = "Correct the file, or skip malformed rows and list them in a rejects file: --bad-rows skip"


HEADER = ("file", "line", "reason", "text")
"""Names of the columns of the rejects file."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used."""

    file: str
    line: int
    """1-based line of a text file, or row of a binary one."""
    reason: str
    text: str
    """The row as written in the file."""
    unit: Literal["line", "row"] = "line"
    hint: str = ""
    """Further advice for the error's tip."""

    def error(self, tip: str = SKIP_TIP) -> DataError:
        """Return the DataError for this row."""
        shown = self.text if len(self.text) <= 200 else self.text[:197] + "..."  # noqa: PLR2004  # two terminal lines
        return DataError(f"{self.file}, {self.unit} {self.line}: {self.reason}: {shown!r}", tip=tip)


@dataclass
class Rejects:
    """Collects bad rows in a CSV file with `--bad-rows skip`; otherwise raises them as errors."""

    path: Path
    skip: bool
    count: int = 0
    _closing: ExitStack = field(default_factory=ExitStack)
    _writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def add(self, row: BadRow) -> None:
        """Write a bad row to the file.

        Raises:
            DataError: bad rows are errors.
            MachineError: the file cannot be written.
        """
        if not self.skip:
            quoted = " (if quotes are ordinary characters in this file: --quote '')" if "quote" in row.reason else ""
            raise row.error(SKIP_TIP + quoted + (f". {row.hint}" if row.hint else ""))
        try:
            if self._writer is None:
                stream = self._closing.enter_context(self.path.open("w", encoding="utf-8", newline=""))
                self._writer = csv.writer(stream)
                self._writer.writerow(HEADER)
            self._writer.writerow([row.file, row.line, row.reason, row.text])
        except OSError as error:
            raise MachineError(f"{self.path}: the bad rows cannot be written: {error.strerror or error}") from error
        self.count += 1


def read_again(log: LogFile) -> Iterator[Record]:
    """Yield `LogFile.records`, with rows of NUL bytes, invalid UTF-8 or unusable lists marked as bad ones."""
    for record in log.records():
        wrong = not_text(record.text)
        if wrong is not None:
            yield Record(record.line, readable(record.text), [], wrong)
        else:
            yield record if log.lists is None or record.defect else log.lists.checked(record)


def interactions_again(log: LogFile) -> Iterator[Record]:
    """Yield `read_again`, but for a good row whose lists are read as rows, a record per element instead."""
    for record in read_again(log):
        if log.lists is None or record.defect:
            yield record
        else:
            yield from log.lists.rows(record)


def clean_copy(log: LogFile, copy: Path, rejects: Rejects, most: int | None = None) -> LogFile:
    """Write the good rows of a text file to a copy and its bad rows to the rejects; return the log with that copy.

    Args:
        log: the file.
        copy: path of the copy.
        rejects: takes the bad rows.
        most: number of good rows after which the rest of the file is left out; None for the whole file.

    Raises:
        DataError: there is a bad row, and bad rows are errors.
        MachineError: the copy cannot be written.
    """
    try:
        with copy.open("w", encoding="utf-8", newline="") as stream:
            good = 0
            for record in read_again(log):
                if record.defect:
                    rejects.add(BadRow(log.name, record.line, record.defect, record.text))
                    continue
                stream.write(log.clean_line(record) + "\n")
                good += 1
                if good == most:
                    break
    except OSError as error:
        raise MachineError(
            f"{copy.parent}: the clean copy of {log.name} cannot be written: {error.strerror or error}"
        ) from error
    return replace(log, copy=copy)


@dataclass(frozen=True)
class Reason:
    """Messages for a column's bad values."""

    column: Column
    describe: Callable[[str], str]
    """Returns what is wrong with a value."""
    hint: Callable[[str], str]
    """Returns further advice for the tip, or an empty text."""


Reasons = list[Reason]
"""One for each column that may have bad values."""


def locate(
    con: duckdb.DuckDBPyConnection, log: LogFile, rows: Iterator[tuple[int, int]], reasons: Reasons
) -> Iterator[BadRow]:
    """Yield staged bad rows with their line or row, found by reading their file again.

    Args:
        con: a DuckDB connection.
        log: the file.
        rows: (0-based number among the staged rows of the file, index into `reasons`) of each bad row, ascending.
        reasons: the columns that may have bad values.

    Raises:
        DataError: the row is not found in the file.
    """
    values = _text_rows(log, reasons) if log.is_text else _binary_rows(con, log, reasons)
    number = -1
    for row, which in rows:
        place = next(itertools.islice(values, row - number - 1, None), None)
        number, reason = row, reasons[which]
        if place is None:
            # This happens only if Python and DuckDB parse a text differently; no line is better than a wrong one.
            raise DataError(
                f"{log.name}: row {row + 1}: the value of column {reason.column.name} cannot be read", tip=SKIP_TIP
            )
        line, text, found = place
        value = found[which]
        said, hint = f"no value in column {reason.column.name!r}", ""
        if value.strip():
            said, hint = reason.describe(value), reason.hint(value)
        yield BadRow(log.name, line, said, text, "line" if log.is_text else "row", hint)


def _text_rows(log: LogFile, reasons: Reasons) -> Iterator[tuple[int, str, list[str]]]:
    positions = [log.columns.index(reason.column) for reason in reasons]
    in_path = ["".join(reason.column.samples[:1]) if reason.column.in_path else "" for reason in reasons]
    for record in interactions_again(log):
        if not record.defect:
            in_file = len(record.fields)
            found = [record.fields[p] if p < in_file else "" for p in positions]
            yield record.line, record.text, [a or b for a, b in zip(found, in_path, strict=True)]


def _binary_rows(
    con: duckdb.DuckDBPyConnection, log: LogFile, reasons: Reasons
) -> Iterator[tuple[int, str, list[str]]]:
    fields = ", ".join(f"CAST({reason.column.sql} AS VARCHAR)" for reason in reasons)
    everything = ", ".join(f"CAST({column.sql} AS VARCHAR)" for column in log.columns)
    query = f"SELECT concat_ws(',', {everything}), {fields} FROM {log.relation(con)}"
    line = 0
    for batch in con.sql(query).to_arrow_reader(1 << 14):
        for text, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            line += 1
            yield line, text or "", [value or "" for value in values]
