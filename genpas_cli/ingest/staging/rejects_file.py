"""The file of bad rows beside an output: when it may be written over, added to or removed.

It lists the bad rows of all logs in the output, so that its rows are those that the funnel counts. A file that genpas
did not write is never touched.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from genpas_cli.ingest.staging.rejects import HEADER
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import UsageError

_FIRST_LINE = ",".join(HEADER)


def check_rejects(path: Path, *, replace: bool) -> None:
    """Check that a file of bad rows can be written.

    Args:
        path: the file.
        replace: whether a rejects file that genpas wrote may be replaced or added to.

    Raises:
        UsageError: the file exists and may not be replaced.
    """
    refuse_existing(path, force=True, foreign=_foreign)
    if not replace and os.path.lexists(path):
        raise UsageError(
            f"{path} already exists; it lists the bad rows of an earlier run",
            tip="Overwrite it with --force, or rename it first.",
        )


def publish_rejects(bad_rows: Path, path: Path, *, extend: bool) -> bool:
    """Move the file of bad rows, if there is one, to its place; return whether there is one.

    Args:
        bad_rows: the file that was written.
        path: its place.
        extend: whether the rows come after those of a rejects file at that place, instead of replacing it.
    """
    if not bad_rows.exists():
        return False
    if extend and _is_ours(path):
        # The whole file is made first: a run that is killed must leave no half of it.
        both = bad_rows.with_name(f"{bad_rows.name}.all")
        shutil.copyfile(path, both)
        with bad_rows.open("rb") as new, both.open("ab") as file:
            new.readline()
            shutil.copyfileobj(new, file)
        bad_rows = both
    shutil.move(bad_rows, path)
    return True


def discard_rejects(path: Path) -> None:
    """Remove a rejects file of an earlier output, so that it does not seem to list the bad rows of the new one.

    A file that genpas did not write stays.
    """
    if _is_ours(path):
        path.unlink(missing_ok=True)


def _foreign(path: Path) -> str | None:
    """Return why an existing file is not a rejects file, else None; see `genpas_cli.runtime.atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    # A run that was killed while it wrote the file on another file system may have left it empty.
    return None if _first_line(path) in ("", _FIRST_LINE) else "it is not a rejects file written by genpas"


def _is_ours(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and _first_line(path) == _FIRST_LINE


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(100).decode("ascii", "replace").strip()
