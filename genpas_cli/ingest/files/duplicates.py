"""Finds files of a log that have the same content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpas_cli.runtime.errors import DataError

if TYPE_CHECKING:
    from genpas_cli.ingest.formats.log_file import LogFile
    from genpas_cli.ingest.staging.staged import FileReport


def same_content(files: Sequence[FileReport], logs: Sequence[LogFile], *, allowed: bool) -> list[str]:
    """Return a note for each file with the same content as an earlier one; files without rows do not count.

    Files with the same bytes but different partition values in their paths are different.

    Args:
        files: the files, with their digests.
        logs: the same files in the same order, opened.
        allowed: whether duplicates are noted instead of refused.

    Raises:
        DataError: two files have the same content, and `allowed` is False.
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
                f"{file.name} has the same content as {other.name}: each of its {file.rows:,} interactions would be "
                "counted twice",
                tip="Remove one of the files, or, if this is intended, add --allow-duplicate-files",
            )
        notes.append(f"{file.name} has the same content as {other.name}; both files are read")
    return notes
