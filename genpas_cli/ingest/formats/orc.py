"""ORC files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import orc

from genpas_cli.ingest.formats.arrow import ArrowLog
from genpas_cli.runtime.arrow_errors import UNREADABLE

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, kw_only=True)
class OrcLog(ArrowLog):
    """An ORC file, which is decoded stripe by stripe; its times come in nanoseconds."""

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
            return int(orc.ORCFile(str(self.path)).nrows)
        except UNREADABLE as error:
            raise self.damaged(error) from error

    def batches(self) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        """Return the schema of the file, and a batch per stripe."""
        file = orc.ORCFile(str(self.path))
        return file.schema, (file.read_stripe(n) for n in range(file.nstripes))


FORMAT = OrcLog
