"""Arrow IPC with the columns of the pairs: a file that can be memory-mapped, or a stream on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from genpas_cli.export.formats.format import Format, Shown
from genpas_cli.pairs.changes.ids import Plain


class Arrow(Format):
    """Record batches with the manifest in the schema's metadata, under `genpas`."""

    name = "arrow"
    suffix = ".arrow"
    other_endings = (".ipc", ".feather")
    can_rename = True

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._plain = Plain(self.layout)
        fields = [self._plain.layout.schema.field(name).with_name(self.names[name]) for name in self.columns]
        self._schema = pa.schema(fields, metadata={"genpas": json.dumps(shown.manifest)})

    def wrote(self, path: Path) -> bool:
        """Tell whether a file has genpas's manifest in its schema, which is at the beginning."""
        with path.open("rb") as file:
            head = file.read(1 << 20)
        return (
            head.startswith((b"ARROW1", b"\xff\xff\xff\xff")) and b'{"format_version": ' in head and b"genpas" in head
        )

    def encode(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the chosen columns of the batch, in plain encoding."""
        plain = self._plain.batch(pairs)
        return pa.RecordBatch.from_arrays([plain.column(name) for name in self.columns], schema=self._schema)

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write a split, as an Arrow file if `out` is seekable, else as a stream."""
        make = pa.ipc.new_file if out.seekable() else pa.ipc.new_stream
        # Not `with`: closing writes the end mark, which would make a stream cut short by an error look complete.
        writer = make(out, self._schema)
        for batch in parts:
            writer.write_batch(batch)
        writer.close()


FORMAT = Arrow
