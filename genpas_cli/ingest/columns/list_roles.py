"""Refuses columns of lists as ids or times, and says which options read the lists as one row per element."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genpas_cli.ingest.columns.column_tips import example_of
from genpas_cli.runtime.errors import DataError

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import Column, Roles, Values
    from genpas_cli.ingest.formats.log_file import LogFile
    from genpas_cli.ingest.options import ReadingOptions


def check_lists(log: LogFile, roles: Roles, options: ReadingOptions, values: Values) -> None:
    """Check that the columns of user, item and time hold one value per row.

    Args:
        log: the file.
        roles: the roles of its columns.
        options: the options as given.
        values: returns the first values of a column.

    Raises:
        DataError: one of them holds lists.
    """
    item, time = roles.item, roles.time
    if item.is_nested and (item.form is not None or item.of_list is not None):
        raise _of_item(log, item, options, values, {"user": roles.user})
    for role, column in (("user", roles.user), ("time", time)):
        if column is not None and column.form is not None:
            raise DataError(
                f"{log.name}: column {column.name!r} ({role}) contains lists, but column {item.name!r} (item) does not",
                tip=f"Name another column: --{role} COLUMN. If each row is a history, name its list: --item COLUMN",
            )


def _of_item(
    log: LogFile, item: Column, options: ReadingOptions, values: Values, found: dict[str, Column | None]
) -> DataError:  # fmt: skip
    what = f"is a {item.type}" if not item.is_text and item.form is not None else "contains lists or objects"
    tip = example_of(log.named, found, options, values, decided="item")
    if item.of_list is not None:
        keys = [column.name for column in log.columns if column.of_list == item.of_list and column.key is not None]
        what = "contains lists of objects" if keys else "contains lists of lists or of objects"
        tip = tip if keys else "Convert the log to one row per interaction first."
    return DataError(f"{log.name}: column {item.name!r} {what}; an id must be a string or a number", tip=tip)
