"""JSON logs that are not one object per line: an array of objects, or objects over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from genpas_cli.ingest.formats.json_values import is_array, is_spread, read_values, written_as_lines
from genpas_cli.ingest.formats.jsonl import JsonLinesLog
from genpas_cli.ingest.formats.log_file import Start
from genpas_cli.ingest.formats.records import Record


@dataclass(frozen=True, kw_only=True)
class JsonLog(JsonLinesLog):
    """A file of JSON objects, which is copied to JSON Lines for DuckDB."""

    format = "json"
    title = "JSON"
    endings = (".json",)
    asked_as = ("jsonl",)

    lines: Path
    """The copy as JSON Lines."""

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log; None if the file starts neither with an array nor with an object over several lines."""
        text = "\n".join(start.lines).lstrip()
        asked = start.options.format is not None
        if is_array(text[:1000], certain=asked or re.search(r"\.json\b", start.source.name) is not None):
            cls.refuse_python(start, text.removeprefix("[").lstrip().partition("\n")[0])
        elif not (start.first.lstrip().startswith("{") and is_spread(text)):
            return None
        first = written_as_lines(start.source, start.compression, start.scratch)
        log = cls(source=start.source, compression=start.compression, columns=(), lines=start.scratch)
        return log.with_keys_of(start, first)

    @property
    def path(self) -> Path:
        """The file that DuckDB reads."""
        return self.copy or self.lines

    def records(self) -> Iterator[Record]:
        """Yield the objects of the original file."""
        for line, text, _ in read_values(self.source.path, self.compression, self.name):
            if text:
                yield self.record(line, text)


FORMAT = JsonLog
