"""ORC files."""

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
    """An ORC file, of which some rows of a stripe at a time are decoded; its times come in nanoseconds."""

    format = "orc"
    title = "ORC"
    endings = (".orc",)
    magic = (b"ORC",)

    @classmethod
    def begins(cls, head: bytes) -> bool:
        """Tell by the first bytes whether a file is of this format: a text may begin with these letters, as `ORCID`."""
        return super().begins(head) and _CONTROL.search(head[:512]) is not None

    def estimated_rows(self) -> float:
        """Return how many rows there are, as the footer says."""
        try:
            return int(self._fragment().count_rows())
        except UNREADABLE as error:
            raise self.damaged(error) from error

    def batches(self, names: Sequence[str]) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        """Return the schema of the columns that are needed, and batches of them."""
        fragment = self._fragment()
        given = fragment.physical_schema.names
        refuse_equal_names(self.source, given)
        # Arrow takes `a.b` for the field b of a column a, and would give missing values without an error.
        if hidden := [name for name in given if any(name.startswith(f"{other}.") for other in given)]:
            raise DataError(
                f"{self.name}: column {hidden[0]!r} cannot be told from a field of another column",
                tip="Rename one of them where the log comes from.",
            )
        # A stripe may hold any number of rows, so it is decoded in pieces; by default many of them wait to be read.
        scanner = fragment.scanner(
            columns=[*names] or None, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        return scanner.projected_schema, scanner.to_batches()

    def _fragment(self) -> Any:
        from pyarrow import dataset  # it takes a quarter of a second where pandas is installed

        return dataset.OrcFileFormat().make_fragment(str(self.path), filesystem=fs.LocalFileSystem())


FORMAT = OrcLog
