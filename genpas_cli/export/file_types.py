"""The option `--file-type`: each format says which types of files it has."""

from __future__ import annotations

from collections.abc import Sequence

from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest


def check_file_type(options: ExportOptions, allowed: Sequence[str]) -> None:
    """Raise UsageError if `--file-type` is not one of the types of the format, or the format has no choice of types."""
    given = options.file_type
    if given is None or given in allowed:
        return
    if not allowed:
        raise UsageError(
            f"--file-type cannot be used with --to {options.to}, which has one type of file",
            tip=f"Remove --file-type {given}.",
        )
    near = nearest(given.lower(), allowed)
    raise UsageError(
        f"--file-type is {given!r}; with --to {options.to} it must be one of {', '.join(allowed)}",
        tip=f"Did you mean --file-type {near}?" if near else None,
    )


def chosen_file_type(options: ExportOptions, allowed: Sequence[str]) -> str:
    """Return the type of files to write: the one given, else the first that is allowed, see `check_file_type`."""
    check_file_type(options, allowed)
    return options.file_type or allowed[0]
