"""The option `--rename`: columns under other names."""

from __future__ import annotations

from collections.abc import Sequence

from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.errors import UsageError


def renamed(options: ExportOptions, names: Sequence[str]) -> dict[str, str]:
    """Return name → name in the output.

    Args:
        options: `rename` is `OLD=NEW,...`, or None.
        names: the names that can be replaced.

    Raises:
        UsageError: the option is malformed, names a column that is not written, or gives two columns the same name.
    """
    found = {name: name for name in names}
    for each in options.rename.split(",") if options.rename is not None else []:
        old, equals, new = (part.strip() for part in each.partition("="))
        if not old or not equals or not new:
            raise UsageError(
                f"--rename {each.strip()!r}: it must be OLD=NEW", tip=f"For example: --rename {names[-1]}=NEW"
            )
        if old not in found:
            raise UsageError(
                f"--rename {old}: no such column in format {options.to}; the columns are {', '.join(found)}"
            )
        found[old] = new
    if len(set(found.values())) < len(found):
        raise UsageError("--rename gives two columns the same name")
    return found
