"""The same content twice among the files of a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpas_cli.errors import DataError

if TYPE_CHECKING:
    from genpas_cli.logs.staging import FileReport


def same_content(files: Sequence[FileReport], *, allowed: bool) -> list[str]:
    """Return notes about files that have the same content; empty ones and mere headers do not count.

    Raises:
        DataError: there are such, and they are not allowed.
    """
    first: dict[str, FileReport] = {}
    notes = []
    for file in files:
        other = first.setdefault(file.content_sha256, file) if file.rows else file
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
