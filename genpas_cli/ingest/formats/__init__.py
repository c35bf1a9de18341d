"""The formats of logs: one module per format, and their registry.

The module with a format's name defines its class, a subclass of `LogFile` (`log_file.py`), as `FORMAT`. The choices of
`--format`, detection, the plan, the names of outputs and the messages that list formats all use this registry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, get_args

from genpas_cli.ingest.formats.names import LogFormat

if TYPE_CHECKING:
    from genpas_cli.ingest.formats.log_file import LogFile


def all_formats() -> tuple[type[LogFile], ...]:
    """Return the class of each format, in the order of `LogFormat`."""
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in get_args(LogFormat))


def without_endings(name: str, *further: str) -> str:
    """Return a file's name without its endings of format and compression: `log` for `log.csv.gz`.

    Args:
        name: the name, without directories.
        further: further endings to remove.
    """
    from genpas_cli.ingest.files.source_files import COMPRESSED_ENDINGS

    endings = (*COMPRESSED_ENDINGS, *further, *(ending for each in all_formats() for ending in each.endings))
    while shorter := next((name.removesuffix(end) for end in endings if name.endswith(end) and name != end), None):
        name = shorter
    return name
