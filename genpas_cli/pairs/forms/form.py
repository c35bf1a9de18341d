"""What pairs look like on their way out, and the interface of what changes it."""

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
    """The vocabulary into which semantic ids turn items: 0 pads, then each level's codes, then the special tokens."""

    sizes: tuple[int, ...]
    """Codes of each level: its largest code, plus 1."""
    offsets: tuple[int, ...]
    """Token of each level's code 0."""
    separator: int | None
    """Token between two items."""
    end: int | None
    """Token at the end of an input and of a target."""
    size: int
    """Number of tokens, 0 included."""

    def length(self, items: Count) -> Count:
        """Return how many tokens so many items take, as an input or as a target."""
        levels, between, end = len(self.sizes), self.separator is not None, self.end is not None
        return items * (levels + between) - between + end


@dataclass(frozen=True)
class Form:
    """What a pair looks like."""

    schema: pa.Schema
    largest: int | None
    """Largest number that items may have; None where they are ids of the log, as texts."""
    max_input: int | None
    """Items that an input has at most; None if any number."""
    width: int | None = None
    """Values that every input has, once padded."""
    tokens: Tokens | None = None
    """The vocabulary of `input_items` and `target_item`, which is a list then; None where they hold items."""

    @property
    def user(self) -> str:
        """Name of the column of users: `user_num`, or `user_id`."""
        return "user_id" if "user_id" in self.schema.names else "user_num"

    def schema_of(self, pairs: pa.RecordBatch) -> pa.Schema:
        """Return the schema that a batch has in this form; it may lack columns that nobody asked for."""
        names = self.schema.names
        return pa.schema([self.schema.field(name if name in names else self.user) for name in pairs.schema.names])

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the kept columns."""
        own = ("input_items", "input_start")
        return tuple(name[6:] for name in self.schema.names if name.startswith("input_") and name not in own)


class Change(Protocol):
    """One step on the way; any thread may take it."""

    form: Form
    """What pairs look like after it."""

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs changed."""
        ...


def changed(pairs: pa.RecordBatch, changes: Iterable[Change]) -> pa.RecordBatch:
    """Return the pairs after all changes."""
    for change in changes:
        pairs = change.batch(pairs)
    return pairs


def replaced(schema: pa.Schema, fields: dict[str, pa.Field]) -> pa.Schema:
    """Return a schema with some of its fields, by name, replaced."""
    return pa.schema([fields.get(field.name, field) for field in schema])


def list_of(value: pa.DataType, *, nullable: bool = False) -> pa.DataType:
    """Return a list type whose child is called as in the shards."""
    return pa.list_(pa.field("element", value, nullable=nullable))
