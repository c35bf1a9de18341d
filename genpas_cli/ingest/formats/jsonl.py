"""JSON Lines logs: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import duckdb

from genpas_cli.ingest.columns.identity import json_id_defect
from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.json_keys import all_keys, first_keys, json_field, suffice
from genpas_cli.ingest.formats.json_values import is_python
from genpas_cli.ingest.formats.log_file import Start, TextLog
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.ingest.formats.records import Record, read_lines, unpaired_surrogate
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.shell import shell_word


@dataclass(frozen=True, kw_only=True)
class JsonLinesLog(TextLog):
    """A file of JSON objects, one per line."""

    format: ClassVar[LogFormat] = "jsonl"
    title = "JSON Lines"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    asked_as: ClassVar[tuple[LogFormat, ...]] = ("json",)

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log; None if its first line does not begin with `{`, unless `--format` names JSON."""
        if start.options.format is None and not start.first.lstrip().startswith("{"):
            return None
        cls.refuse_python(start, start.first)
        return cls(source=start.source, compression=start.compression, columns=()).with_keys_of(start, start.lines)

    @classmethod
    def refuse_python(cls, start: Start, first: str) -> None:
        """Raise DataError if the first line is a Python literal instead of JSON."""
        if is_python(first.rstrip(", ]")):
            raise DataError(
                f"{start.source.name}, line 1: a Python literal (single quotes, None, True), not JSON: {first[:80]!r}",
                tip=_python_tip(start.source.name, cls.format),
            )

    def with_keys_of(self, start: Start, lines: Sequence[str]) -> Self:
        """Return the log with the keys of its objects as columns."""
        keys = first_keys(self.name, lines)
        # DuckDB's reader of single keys takes keys that differ in case only for one column.
        whole_rows = start.whole_rows or keys.differ_in_case_only
        if whole_rows or not suffice([*keys.values], start.options):
            skip = start.options.bad_rows == "skip"
            keys = all_keys(start.con, self.path, self.sql_compression, keys, skip=skip)
            whole_rows = whole_rows or keys.differ_in_case_only
        columns = tuple(
            Column(
                key, json_field(key) if whole_rows else identifier(key), "VARCHAR", is_text=True,
                samples=tuple(v if isinstance(v, str) else json.dumps(v) for v in values),
                is_nested=bool(values) and all(isinstance(v, list | dict) for v in values),
            )
            for key, values in keys.values.items()
        )  # fmt: skip
        return replace(self, columns=columns, whole_json=whole_rows, is_suspect=keys.is_twice)

    def with_exact_ids(self, ids: Sequence[Column]) -> Self:
        """Return the log with these columns read as JSON, so that texts, numbers, lists and objects stay distinct."""
        raw = {c.name: json_field(c.name, "->") if self.whole_json else identifier(c.name) for c in ids}
        exact = {
            c: replace(c, json=raw[c.name], sql=c.sql if self.whole_json else f"({raw[c.name]} ->> '$')")
            for c in ids
            if c.of_list is None
        }
        columns = tuple(exact.get(c, c) for c in self.columns)
        if self.lists is None:
            return replace(self, columns=columns)
        return replace(self, columns=columns, lists=self.lists.with_columns(exact))

    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:  # noqa: ARG002  # DuckDB's reader needs neither
        """Return a call of DuckDB's JSON reader, for whole objects or for their keys."""
        path, kind = literal(str(self.path)), f"compression = {self.sql_compression}"
        if self.whole_json:
            return f"read_ndjson_objects({path}, {kind})"
        types = ((c.name, "JSON" if c.json else "VARCHAR") for c in self.own_columns)
        fields = ", ".join(f"{literal(name)}: '{json_type}'" for name, json_type in types)
        return f"read_json({path}, format = 'newline_delimited', records = true, {kind}, columns = {{{fields}}})"

    def row_bytes(self) -> float:
        """Estimate the bytes per object, including keys and punctuation."""
        return super().row_bytes() + sum(len(column.name) + len('"": "",') for column in self.own_columns)

    def records(self) -> Iterator[Record]:
        """Yield the objects; fields that are not strings are JSON text."""
        for number, text in enumerate(read_lines(self.source.path, self.compression), 1):
            if text.strip():
                yield self.record(number, text)

    def record(self, number: int, text: str) -> Record:
        """Parse the object that begins on line `number` into a record, with its defect if it has one."""
        keys = list[str]()

        def with_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            keys[:] = [key for key, _ in pairs]  # the last call is that of the outermost object
            return dict(pairs)

        try:
            value = json.loads(text, object_pairs_hook=with_keys)
        except (ValueError, RecursionError) as error:
            detail = "a Python literal, not JSON" if is_python(text) else f"malformed JSON ({error})"
            return Record(number, text, [], detail)
        if (defect := unpaired_surrogate(text)) is not None:
            return Record(number, text, [], defect)
        if not isinstance(value, dict):
            return Record(number, text, [], "not a JSON object")
        if len(value) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            return Record(number, text, [], f"the key {twice!r} occurs twice in one object")
        for column in self.file_columns:
            if column.json is not None and (defect := json_id_defect(value.get(column.name))) is not None:
                return Record(number, text, [], f"the value in column {column.name!r} is {defect}")
        found = (value.get(column.name) for column in self.file_columns)
        return Record(number, text, ["" if v is None else v if isinstance(v, str) else json.dumps(v) for v in found])


def _python_tip(name: str, kind: str) -> str:
    if name == "stdin":
        return "Write the file as JSON, with json.dumps instead of str or print."
    read = {".gz": "zcat", ".zst": "zstdcat", ".bz2": "bzcat", ".xz": "xzcat"}.get(Path(name).suffix, "cat")
    line_by_line = "[print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]"
    convert = line_by_line if kind == "jsonl" else "json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)"
    script = shell_word(f"import ast, json, sys; {convert}")
    return f"Convert it: {read} {shell_word(name)} | python3 -c {script} > log.{kind}"


FORMAT = JsonLinesLog
