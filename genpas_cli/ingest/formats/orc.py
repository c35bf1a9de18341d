"""ORC logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import fs

from genpas_cli.ingest.formats.arrow import ArrowLog
from genpas_cli.ingest.formats.log_file import refuse_equal_names
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

_BATCH_ROWS = 1 << 16
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, kw_only=True)
class OrcLog(ArrowLog):
    """An ORC file, decoded in batches of rows; its timestamps have nanoseconds."""

    format = "orc"
    title = "ORC"
    endings = (".orc",)
    knows_rows = True
    magic = (b"ORC",)

    @classmethod
    def begins(cls, head: bytes) -> bool:
        """Tell whether a file begins with `ORC` and has control characters, which text such as `ORCID` has not."""
        return super().begins(head) and _CONTROL.search(head[:512]) is not None

    def rows_in_file(self) -> float:
        """Return the number of rows in the footer."""
        try:
            return int(self._fragment().count_rows())
        except UNREADABLE as error:
            raise self.damaged(error) from error

    def batches(self, names: Sequence[str]) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        """Return the schema and the batches of the needed columns; raise DataError for ambiguous names."""
        fragment = self._fragment()
        given = fragment.physical_schema.names
        refuse_equal_names(self.source, given)
        # Arrow takes `a.b` for field b of column a, and would silently return missing values.
        if hidden := [name for name in given if any(name.startswith(f"{other}.") for other in given)]:
            raise DataError(
                f"{self.name}: column {hidden[0]!r} has the same name as a field of another column",
                tip="Export the log again with another column name.",
            )
        # A stripe may have any number of rows, and by default Arrow decodes many batches ahead: bound the memory.
        scanner = fragment.scanner(
            columns=[*names] or None, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        return scanner.projected_schema, scanner.to_batches()

    def _fragment(self) -> Any:
        from pyarrow import dataset  # this import takes 0.25 s if pandas is installed

        return dataset.OrcFileFormat().make_fragment(str(self.path), filesystem=fs.LocalFileSystem())


FORMAT = OrcLog
