"""The option `--columns`: which columns are written."""

from __future__ import annotations

from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.errors import UsageError


def named_columns(options: ExportOptions) -> tuple[str, ...] | None:
    """Return the names of `--columns`, in their order; None if the option is not given.

    Raises:
        UsageError: a name is repeated. Readers of JSON and tables keep only one of two columns with the same name.
    """
    if options.columns is None:
        return None
    names = tuple(name.strip() for name in options.columns.split(","))
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--columns {options.columns}: {repeated} is named more than once")
    return names
