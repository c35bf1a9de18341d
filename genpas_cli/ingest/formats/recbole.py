"""RecBole's atomic files: delimited text with a header of names and types, such as `user_id:token item_id:token`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from genpas_cli.ingest.columns.missing import parse_null_values
from genpas_cli.ingest.columns.roles import Named
from genpas_cli.ingest.formats.csv import DelimitedLog
from genpas_cli.ingest.formats.log_file import Start
from genpas_cli.ingest.formats.records import Record
from genpas_cli.ingest.lists.forms import DelimitedLists
from genpas_cli.runtime.errors import DataError

_FIELD = re.compile(r"[^:]+:(token|float|token_seq|float_seq)")


@dataclass(frozen=True, kw_only=True)
class RecBoleLog(DelimitedLog):
    """A text file with a RecBole header."""

    format = "recbole"
    title = "RecBole"
    endings = (".inter",)

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log; None if its first line is not a RecBole header, but DataError with `--format recbole`."""
        first = start.first
        if all(_FIELD.fullmatch(field) for field in re.split(r"[\t,; ]", first)):
            delimiter = start.options.delimiter or next((d for d in "\t,; " if d in first), "\t")
            return cls.cut_at(start, delimiter, quote="").with_declared_lists(start)
        if start.options.format is None:
            return None
        raise DataError(
            f"{start.source.name}: the first line is not a RecBole header: {first[:80]!r}", tip="Remove --format."
        )

    @classmethod
    def given_names(cls, start: Start, records: Sequence[Record], delimiter: str) -> list[str] | None:  # noqa: ARG003  # signature of the base class
        """Return the names of the header without their types."""
        return [field.rsplit(":", 1)[0] for field in records[0].fields]

    def with_declared_lists(self, start: Start) -> Self:
        """Return the log with the columns that the header declares as lists, unless the options say they are none."""
        if start.options.list_delimiter == "":
            return self
        # RecBole's own delimiter of lists can be configured, too (`seq_separator`).
        delimiter = start.options.list_delimiter or " "
        form = DelimitedLists(parse_null_values(start.options.null_values), delimiter)
        columns = (
            replace(column, form=form, is_nested=True) if field.endswith("_seq") else column
            for column, field in zip(self.columns, self.header, strict=True)
        )
        return replace(self, columns=tuple(columns))

    @property
    def named(self) -> Named:
        """The columns as error messages show them; without the delimiter, which the header makes certain."""
        return replace(super().named, delimiter=None)


FORMAT = RecBoleLog
