"""Describes the columns of exported pairs, and the interface of the steps that transform them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Count = TypeVar("Count", int, NDArray[np.int64])


@dataclass(frozen=True)
class Tokens:
    """The token vocabulary of semantic ids: 0 is padding, then each level's codes, special tokens, users."""

    sizes: tuple[int, ...]
    """Number of codes of each level: its largest code plus 1."""
    offsets: tuple[int, ...]
    """Token of each level's code 0."""
    separator: int | None
    """Token between two items."""
    end: int | None
    """Token at the end of an input and of a target; None if there is none."""
    size: int
    """Size of the vocabulary, padding included."""
    user: int | None = None
    """First of the tokens of users, which come last; None if there are none."""

    @property
    def users(self) -> int:
        """Number of tokens of users."""
        return 0 if self.user is None else self.size - self.user

    def target_length(self, items: Count) -> Count:
        """Return the number of tokens of this many items, as a target."""
        levels, between, end = len(self.sizes), self.separator is not None, self.end is not None
        return items * (levels + between) - between + end

    def input_length(self, items: Count) -> Count:
        """Return the number of tokens of this many items, as an input."""
        return self.target_length(items) + (self.user is not None)


@dataclass(frozen=True)
class PairLayout:
    """The columns and value ranges of pairs."""

    schema: pa.Schema
    largest: int | None
    """Largest item number; None where items are the log's ids, as text."""
    max_input: int | None
    """Maximum items of an input; None if unlimited."""
    width: int | None = None
    """Values of every input after padding; None if inputs are not padded."""
    tokens: Tokens | None = None
    """The token vocabulary of `input_items` and `target_item` (then a list); None where they hold items."""

    @property
    def user(self) -> str:
        """Name of the user column: `user_num` or `user_id`."""
        return "user_id" if "user_id" in self.schema.names else "user_num"

    def schema_of(self, pairs: pa.RecordBatch) -> pa.Schema:
        """Return the schema of batches in this layout; columns that were not requested may be missing."""
        names = self.schema.names
        return pa.schema([self.schema.field(name if name in names else self.user) for name in pairs.schema.names])

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the kept columns."""
        own = ("input_items", "input_start")
        return tuple(name[6:] for name in self.schema.names if name.startswith("input_") and name not in own)


class Change(Protocol):
    """One transformation; it may be called from any thread."""

    layout: PairLayout
    """The layout of its output."""

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Transform a batch of pairs."""
        ...


def changed(pairs: pa.RecordBatch, changes: Iterable[Change]) -> pa.RecordBatch:
    """Apply all transformations in turn."""
    for change in changes:
        pairs = change.batch(pairs)
    return pairs


def replaced(schema: pa.Schema, fields: dict[str, pa.Field]) -> pa.Schema:
    """Return a schema with these fields replaced, by name."""
    return pa.schema([fields.get(field.name, field) for field in schema])


def list_of(value: pa.DataType, *, nullable: bool = False) -> pa.DataType:
    """Return a list type whose child has the same name as in the shards."""
    return pa.list_(pa.field("element", value, nullable=nullable))
