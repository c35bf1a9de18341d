"""The shapes of what a store records about itself, as reports and manifests have it in JSON."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class FunnelRow(TypedDict):
    """One step of cleaning."""

    step: str
    """Name of the step, such as `repeated rows`."""
    dropped: int
    """Rows that the step dropped; negative for rows that it added."""
    kept: int
    """Rows that were left after the step."""


class SourceFile(TypedDict):
    """One file of the log."""

    name: str
    """Path relative to the common directory of all files of the log, or a URI."""
    format: str
    bytes: int
    sha256: str
    """Digest of the file; empty for a table in memory and for Spark."""
    rows: int
    """Rows in the file, bad ones included."""
    content_sha256: NotRequired[str]
    """Digest of the decompressed bytes."""
    table_id: NotRequired[str]
    """Id of a table of Delta Lake or Iceberg; absent for a file."""
    version: NotRequired[str]
    """Version of this table, or its snapshot; absent for a file."""


class TieShares(TypedDict):
    """How often timestamps are equal; shares, 0..1."""

    tied_events: float
    """Share of the interactions with the same user and time as another one."""
    tied_test: float
    """Share of the users with held-out interactions whose first test interaction has the time of the one before it."""
    tied_validation: float
    """The same for the first validation interaction."""
    tied_either: float
    """Share of these users with either of the two."""


class SplitCounts(TypedDict):
    """The sizes of the splits."""

    train: int
    """Number of training interactions."""
    validation: int
    """Number of validation targets."""
    test: int
    """Number of test targets."""
    users_in_train_only: int
    """Users without held-out interactions, because they have too few or too early ones."""
    cold: NotRequired[ColdCounts]
    """Targets that were left out; only with `--drop-cold`."""


class ColdCounts(TypedDict):
    """Numbers of targets left out by `--drop-cold`, because their item never occurs in training."""

    validation: int
    test: int


class SplitRecord(SplitCounts):
    """The rule of the split, and its result."""

    rule: str
    """Value of `--split`."""
    eval: str
    """Value of `--eval`."""
    bounds: list[Any] | None
    """First time of validation and of test, or of test alone; null unless the split is by time."""
    seed: NotRequired[int]
    """Value of `--split-seed`; only if users or targets were chosen at random."""


class Lengths(TypedDict):
    """Interactions per user, over users with at least one."""

    min: float
    median: float
    mean: float
    p99: float
    """99th percentile."""
    max: float
