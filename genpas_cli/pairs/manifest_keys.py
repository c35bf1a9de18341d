"""The keys of `manifest.json`, as types; docs/reference/schemas/manifest.schema.json is generated from them."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from genpas_cli.pairs.shards import ShardFile
from genpas_cli.store.records import FunnelRow, SourceFile, SplitRecord


class StrategyRecord(TypedDict):
    """How pairs are cut."""

    name: str
    """Name, or the biases α,β,γ as given."""
    alpha: float | str | None
    """Sequence bias; null if no power reproduces the strategy. Infinities are "inf" and "-inf"."""
    beta: float | str | None
    """Target bias."""
    gamma: float | str | None
    """Input bias."""
    parameters: NotRequired[dict[str, float | str]]
    """Parameters of a named strategy, such as `keep`."""
    draw: str
    """`balanced`, `independent` or `enumerated`."""


class IngestRecord(TypedDict):
    """How the log was read and cleaned."""

    options: dict[str, Any]
    """The options of `ingest` that affect the store, by field of `IngestOptions`."""
    funnel: list[FunnelRow]


class Host(TypedDict):
    """The machine of a run."""

    system: str
    machine: str
    python: str


class RunRecord(TypedDict):
    """Facts of one run."""

    created: str
    """Time at the end of the run, as ISO 8601 in UTC."""
    host: Host
    seconds: float
    engine: NotRequired[str]
    """`spark` for `--engine spark`."""
    parts: NotRequired[list[RunRecord]]
    """After `merge`: the runs of the parts."""


class ItemInfoRecord(TypedDict):
    """Where the further columns of items.parquet are from."""

    file: str
    """The file, as it was named."""
    id: str | None
    """Its column of item ids (`--item-info-id`); null if it was detected."""
    columns: list[str]
    """The columns of items.parquet that are from this file."""
    missing: int
    """Items that the file lacks."""


class ManifestKeys(TypedDict):
    """The manifest of a pairs directory; `part.json` of a part has the same keys and `part`."""

    format_version: int
    source: list[SourceFile]
    """Files that the store was made from, by name."""
    ingest: IngestRecord
    content_sha256: str | None
    """Digest of the content of the store; null for pairs made by Spark."""
    users: int
    """Number of users; their numbers are 1 to users."""
    items: int
    """Number of items; their numbers are 1 to items."""
    split: SplitRecord
    strategy: StrategyRecord
    seed: int
    pairs: int
    """Number of training pairs in one epoch."""
    epochs: int
    max_input: int | None
    """Maximum number of input items; null for no limit."""
    order: str
    form: str
    encoding: NotRequired[str]
    """`fast`, `compact` or `plain`; missing in format version 1, whose pairs are plain."""
    shard_rows: int
    keep: list[str]
    target_where: str | None
    target_weight: NotRequired[str]
    """SQL of the weights of targets (`--target-weight`)."""
    half_life: NotRequired[str]
    as_of: NotRequired[str]
    balance_items: NotRequired[float]
    schema: dict[str, str]
    """Arrow type of each column of the shards."""
    versions: dict[str, str]
    """Versions of genpas and of the libraries that decide the bytes."""
    item_info: NotRequired[ItemInfoRecord]
    """The source of further columns of items.parquet; missing without `--item-info`."""
    part: NotRequired[str]
    """In `part.json`: the part, such as "3/8"."""
    run: RunRecord
    """Facts of the run, which are not part of the data set's identity."""
    files: list[ShardFile]
    sha256: str
    """Digest of all other keys except `run`."""
