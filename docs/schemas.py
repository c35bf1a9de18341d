"""JSON Schemas of the reports of `--json` and of the JSON files in outputs, generated from the types in the code."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from docs.field_docs import field_docs
from genpas_cli.augment.head import Head
from genpas_cli.augment.job import AugmentReport
from genpas_cli.augment.merge import MergeReport
from genpas_cli.augment.planning.job_plan import AugmentPlan
from genpas_cli.augment.verify import VerifyReport
from genpas_cli.cli.console import JSON_SCHEMA
from genpas_cli.export.job import ExportKeys
from genpas_cli.export.report import ExportReport
from genpas_cli.export.stores.sequence_run import SequencesKeys
from genpas_cli.export.stores.splits import SplitsKeys
from genpas_cli.figures.results import TuneReport
from genpas_cli.figures.stats_keys import SplitKeys, StatsKeys
from genpas_cli.ingest.dry_run import IngestPlan
from genpas_cli.ingest.report import IngestReport
from genpas_cli.pairs.manifest_keys import ManifestKeys
from genpas_cli.runtime.doctor import Findings
from genpas_cli.semantic.job import SemanticIdsReport
from genpas_cli.training.comparison import CompareReport
from genpas_cli.training.metrics_keys import MetricsKeys

DIRECTORY = "reference/schemas"
BASE = f"https://genpas.github.io/genpas/{DIRECTORY}/"

Schema = dict[str, Any]


class Described(NamedTuple):
    """What a schema describes."""

    kind: Any
    """Dataclass, TypedDict, or a list of one."""
    title: str


SCHEMAS = {
    "ingest": Described(IngestReport, "genpas ingest --json"),
    "ingest-plan": Described(IngestPlan, "genpas ingest --dry-run"),
    "augment": Described(AugmentReport, "genpas augment --json"),
    "augment-plan": Described(AugmentPlan, "genpas augment --dry-run"),
    "merge": Described(MergeReport, "genpas merge --json"),
    "verify": Described(VerifyReport, "genpas verify --json"),
    "stats": Described(StatsKeys, "genpas stats --json"),
    "stats-split": Described(SplitKeys, "genpas stats --split-of DIR --json"),
    "tune": Described(TuneReport, "genpas tune --json, and search.json"),
    "train": Described(MetricsKeys, "genpas train --json, and metrics.json"),
    "compare": Described(CompareReport, "genpas compare --json, and comparison.json"),
    "export": Described(ExportReport, "genpas export --json"),
    "semantic-ids": Described(SemanticIdsReport, "genpas semantic-ids --json"),
    "head": Described(Head, "genpas head --json"),
    "doctor": Described(Findings, "genpas doctor --json"),
    "manifest": Described(ManifestKeys, "manifest.json of a pairs directory, and part.json of a part"),
    "export-directory": Described(ExportKeys, "export.json of an export directory"),
    "export-splits-directory": Described(SplitsKeys, "export.json of a directory of --to splits"),
    "export-sequences-directory": Described(SequencesKeys, "export.json of a directory of whole sequences"),
}
"""File name without its ending → what it describes."""

_INFINITE = {"enum": ["inf", "-inf"]}
"""JSON has no infinite numbers; genpas writes these texts."""


def schema_files() -> dict[str, str]:
    """Return the text of every schema file, by its path below docs/."""
    return {f"{DIRECTORY}/{name}.schema.json": _text(schema_of(name)) for name in SCHEMAS}


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_of(name: str) -> Schema:
    """Return a schema by its name in `SCHEMAS`."""
    kind, title = SCHEMAS[name]
    (top,), found = msgspec.json.schema_components([kind])
    kinds = {each.__name__: each for each in _classes(msgspec.inspect.type_info(kind))}
    components = {component: _closed(found[component], kinds[component]) for component in sorted(found)}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{BASE}{name}.schema.json"}
    # The keys of a report belong to the top of its schema, unless other parts of it refer to them.
    own = top.get("$ref", "").rpartition("/")[2]
    if own and f'"#/$defs/{own}"' not in json.dumps(components):
        top = components.pop(own)
    if title.startswith("genpas"):
        top = _stamped(top, is_file=", and " in title)
    return head | top | {"title": title} | ({"$defs": components} if components else {})


_MADE_BY = {
    "description": "Version of genpas that printed the report, and version of this schema.", "type": "object",
    "properties": {"version": {"type": "string"}, "schema": {"const": JSON_SCHEMA}}, "required": ["version", "schema"],
    "additionalProperties": False,
}  # fmt: skip


def _stamped(top: Schema, *, is_file: bool) -> Schema:
    """Return the schema of a report with what the command line adds, and, for a file too, with the file's digest."""
    if not is_file:
        return top | {"properties": {"genpas": _MADE_BY} | top["properties"], "required": ["genpas", *top["required"]]}
    digest = {"description": "In the file: digest of all other keys except `run`.", "type": "string"}
    return top | {"properties": {"genpas": _MADE_BY, "sha256": digest} | top["properties"]}


def _classes(info: Any) -> Iterator[type]:
    """Yield every class below a type, from msgspec's description of the type; a class may come several times."""
    seen, waiting = set[type](), [info]
    while waiting:
        each = waiting.pop()
        if cls := getattr(each, "cls", None):
            if cls in seen:
                continue
            seen.add(cls)
            yield cls
            waiting += [field.type for field in each.fields]
        parts = [getattr(each, name, None) for name in ("item_type", "value_type")]
        waiting += [part for part in parts if part is not None]
        waiting += [*getattr(each, "types", ()), *getattr(each, "item_types", ())]


def _closed(schema: Schema, kind: Any) -> Schema:
    """Return the schema of a class: other keys are invalid, every field has its text, and infinities are allowed."""
    texts = field_docs(kind)
    properties = {}
    for name, given in schema["properties"].items():
        # Only divergences, and the value of any figure in a rule, can be infinite.
        prepared = _with_infinities(given, everywhere=name.startswith("kl") or name == "value")
        prepared = _with_parts(prepared, kind, name)
        prepared.pop("default", None)
        properties[name] = ({"description": " ".join(texts[name].split())} if name in texts else {}) | prepared
    # `asdict` writes every field of a dataclass, those with a default too.
    required = list(properties) if dataclasses.is_dataclass(kind) else schema["required"]
    about = " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
    return {
        "title": kind.__name__, **({"description": about} if about else {}), "type": "object",
        "properties": properties, "required": required, "additionalProperties": False,
    }  # fmt: skip


def _with_infinities(schema: Schema, *, everywhere: bool) -> Schema:
    """Return a schema in which a number that may be a text, or every number, may be "inf" or "-inf"."""
    if "anyOf" in schema:
        options = [each for each in schema["anyOf"] if each != {"type": "string"}]
        has_number = {"type": "number"} in options
        if has_number and (everywhere or len(options) < len(schema["anyOf"])):
            return {**schema, "anyOf": [*options, _INFINITE]}
        return schema
    if everywhere and schema.get("type") == "number":
        return {"anyOf": [schema, _INFINITE]}
    inner = ("items", "additionalProperties")
    return {
        key: _with_infinities(value, everywhere=everywhere) if key in inner and isinstance(value, dict) else value
        for key, value in schema.items()
    }


def _with_parts(schema: Schema, kind: Any, name: str) -> Schema:
    """Return the schema of a figure with parts as a closed object with these keys; other schemas as they are."""
    metadata: dict[str, Any] = {}
    if dataclasses.is_dataclass(kind):
        metadata = {f.name: f.metadata for f in dataclasses.fields(kind)}
    figure = metadata.get(name, {}).get("figure")
    if figure is None or "additionalProperties" not in schema:
        return dict(schema)
    value = schema["additionalProperties"]
    return {
        "type": "object", "properties": dict.fromkeys(figure.parts, value), "required": list(figure.parts),
        "additionalProperties": False,
    }  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- page

_LEAD = """Most commands print their report as JSON with `--json`, on stdout and as one value. Each report has a
[JSON Schema](https://json-schema.org/draft/2020-12) (2020-12), and so have the JSON files that readers of a directory
use. The schemas are generated from the code, and tests validate the output of every command against them."""

_STABLE = """## What is stable

- A key that a schema names keeps its name, its type, its meaning and its unit in all versions 0.1.x. Changes in later
  versions are listed in the [changelog](https://github.com/genpas/genpas/blob/main/CHANGELOG.md).
- `genpas.schema` is the version of the schemas. It is raised when a key goes, or changes its type or its meaning.
- A later version may add keys. The schemas forbid keys that they do not name, so validate with the schemas of the
  version that you run. A program that reads a report should ignore keys that it does not know.
- The order of keys is not part of the format.
- JSON has no infinite numbers. They are written as `"inf"` and `"-inf"`.
- `options` in reports and in `manifest.json` is open: it has the options of the version that wrote it.
  So are the values in `rows` of `head`, which are those of the log.
- `manifest.json` and the report of `train` have `format_version`. If a later version of genpas cannot read a file, its
  message says so.
- Texts in `notes`, `found` and `advice` are for people, and may change at any time."""

_USE = """## Validate a report

```text
pip install check-jsonschema
genpas stats logs.store --json > figures.json
check-jsonschema --schemafile https://genpas.github.io/genpas/reference/schemas/stats.schema.json figures.json
```"""


def json_page(note: str) -> str:
    """Return reference/json.md; `note` is its first line."""
    rows = [f"| {_code(about.title)} | [{name}.schema.json](schemas/{name}.schema.json) |"
            for name, about in SCHEMAS.items()]  # fmt: skip
    table = "\n".join(["| JSON | schema |", "|---|---|", *rows])
    return f"{note}\n\n# JSON reports\n\n{_LEAD}\n\n{table}\n\n{_USE}\n\n{_STABLE}\n"


def _code(title: str) -> str:
    """Return a title with commands and file names in backticks."""
    command, comma, rest = title.partition(", and ")
    if title.startswith("genpas"):
        return f"`{command}`" + (f"{comma}`{rest}`" if rest else "")
    return " ".join(f"`{word}`" if word.endswith(".json") else word for word in title.split())
