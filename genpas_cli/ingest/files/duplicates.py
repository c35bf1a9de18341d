"""The same content twice among the files of a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpas_cli.runtime.errors import DataError

if TYPE_CHECKING:
    from genpas_cli.ingest.formats.log_file import LogFile
    from genpas_cli.ingest.staging.staged import FileReport


def same_content(files: Sequence[FileReport], logs: Sequence[LogFile], *, allowed: bool) -> list[str]:
    """Return notes about files that have the same content; empty ones and mere headers do not count.

    Files whose paths give them other values of a column differ.

    Args:
        files: the files, with their digests.
        logs: the same, as they are read.
        allowed: whether that is no error.

    Raises:
        DataError: there are such, and they are not allowed.
    """
    first: dict[tuple[str, ...], FileReport] = {}
    notes = []
    for file, log in zip(files, logs, strict=True):
        of_path = (f"{column.name}={column.sql}" for column in log.columns if column.in_path)
        other = first.setdefault((file.content_sha256, *of_path), file) if file.rows else file
        if other is file:
            continue
        if not allowed:
            raise DataError(
                f"{file.name} has the same content as {other.name}: each of its {file.rows:,} interactions would "
                "count twice",
                tip="Leave one of them out; or, if that is meant: --allow-duplicate-files",
            )
        notes.append(f"{file.name} has the same content as {other.name}; both are read")
    return notes
