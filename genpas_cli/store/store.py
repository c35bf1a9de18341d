"""A store open for reading: its lengths, sequences, targets and vocabularies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.sampling.user_targets import TargetPool, UserTargets
from genpas_cli.store.row_order import RowOrder, cut_spans
from genpas_cli.store.schema import BATCH_ROWS, CONTENT, SPLITS, content_digest_of
from genpas_cli.store.sequence_source import USERS_A_READ, Lengths, SequenceSource, possible_targets
from genpas_cli.store.sequences import Sequences, Spans
from genpas_cli.store.splits import InOrder, Split, told_by_lengths
from genpas_cli.store.table_digest import TableDigest
from genpas_cli.store.target_rule import TargetRule, Weighing, among_marked, pick_targets

_DOUBLE_SECONDS = 1 << 33
"""Seconds since 1970 from which on not every microsecond is another double: in the year 2242."""


@dataclass(frozen=True)
class Store(SequenceSource):
    """A store open for reading."""

    path: Path
    database: Database
    meta: dict[str, Any]
    rule: TargetRule | None = field(default=None, kw_only=True)
    """Restricts or weighs the interactions that can be targets; None: all but the first of a user, equally."""
    name: str = field(default="store", kw_only=True)
    """The name under which it is attached."""

    @property
    def kept(self) -> list[str]:
        """Names of the kept columns."""
        return list(self.meta["kept"])

    @property
    def users(self) -> int:
        """Number of users, including those without interactions."""
        return int(self.meta["users"])

    @property
    def items(self) -> int:
        """Number of items in the vocabulary."""
        return int(self.meta["items"])

    @cached_property
    def content_digest(self) -> str | None:
        """Digest of the content; None where the store was made without its interactions, for the Spark engine.

        Of a store that an earlier version made without a digest, it is computed: a pass over all rows.
        """
        if CONTENT in self.meta:
            found = self.meta[CONTENT]
            return None if found is None else str(found)
        return self.compute_content_digest()

    def compute_content_digest(self) -> str:
        """Compute the digest of the present content in a pass over all rows."""
        time = "" if self.meta["time_type"] is None else "time, "
        kept = "".join(f", {identifier(name)}" for name in self.kept)
        query = (
            f"select user_num, item_num, {time}enum_code(split)::utinyint as split{kept} from {self.name}.interactions"
        )
        digest: TableDigest | None = None
        for batch in self.database.read(query, BATCH_ROWS):
            digest = digest or TableDigest(batch.schema)
            digest.add(batch)
        return content_digest_of(self.database.con, self.name, "" if digest is None else digest.hexdigest())

    def check_content(self) -> None:
        """Raise IntegrityError if the content differs from its recorded digest; takes a pass over all rows."""
        if self.content_digest not in (None, self.compute_content_digest()):
            raise IntegrityError(
                f"{self.path} was changed after genpas wrote it: the content does not match the digest",
                tip="Create it again from the logs: genpas ingest LOGS -o STORE",
            )

    def rows(self, table: Literal["sources", "funnel"]) -> list[dict[str, Any]]:
        """Return a small table as dictionaries; files have neither `table_id` nor `version`."""
        relation = self.database.con.sql(f"select * from {self.name}.{table}")
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        return [{k: v for k, v in row.items() if v is not None or k not in ("table_id", "version")} for row in rows]

    def column_types(self) -> dict[str, pa.DataType]:
        """Return the Arrow types of the columns of `interactions`, by name."""
        return self.types_of("*")

    def types_of(self, columns: str) -> dict[str, pa.DataType]:
        """Return the Arrow types of columns of `interactions`, given as SQL, by name."""
        query = f"select {columns} from {self.name}.interactions limit 0"
        schema = self.database.con.sql(query).to_arrow_table().schema
        return {field.name: field.type for field in schema}

    def train_length_histogram(self) -> NDArray[np.int64]:
        """Return int64 (longest + 1,): how many users have each training length."""
        query = f"select train_length, count(*) from {self.name}.users group by train_length"
        found = self.database.con.sql(query).fetchall()
        if any(length is None or length < 0 for length, _ in found):
            raise IntegrityError(f"{self.path}: a number is missing from table users", tip=self._again())
        counts = np.array(found, np.int64).reshape(-1, 2)
        histogram = np.zeros(int(counts[:, 0].max(initial=0)) + 1, np.int64)
        histogram[counts[:, 0]] = counts[:, 1]
        return histogram

    def target_histogram(self) -> NDArray[np.int64]:
        """Return int64 (M + 1,): the number of users with m training targets, for m = 0..M."""
        if self.rule is not None:
            return np.bincount(self.rule.count["train"])
        lengths = self.train_length_histogram()
        histogram = lengths[1:].copy() if len(lengths) > 1 else np.zeros(1, np.int64)
        histogram[0] = lengths[:2].sum()
        return histogram

    def lengths(self, first: int, last: int, rows: int) -> Iterator[Lengths]:
        """Yield the lengths of the 0-based users first..last, in chunks of exactly `rows` users (the last: fewer)."""
        query = (
            f"select train_length, validation_length, length from {self.name}.users "
            f"where user_num between {first + 1} and {last + 1}"
        )
        held, seen = np.zeros((3, 0), np.int64), 0
        for batch in self._without_nulls(self.database.read(query, BATCH_ROWS)):
            held = np.concatenate((held, np.array([column.to_numpy() for column in batch.columns], np.int64)), axis=1)
            while held.shape[1] >= rows:
                yield Lengths(*held[:, :rows])
                held, seen = held[:, rows:], seen + rows
        if held.shape[1]:
            yield Lengths(*held)
        if seen + held.shape[1] != last - first + 1:
            raise IntegrityError(f"{self.path}: table users does not contain all of the users {first + 1}..{last + 1}")

    def target_counts(self, split: Split, first: int, lengths: Lengths) -> NDArray[np.int64]:
        """Return each user's number of targets in a split, given the first user of a run and their lengths."""
        if self.rule is not None:
            return self.rule.count[split][first : first + len(lengths.total)].astype(np.int64)
        if split == "train" or self._evaluated is not None:
            return possible_targets(split, lengths, self._evaluated or "all").counts
        users = len(lengths.total)
        query = f"select {split}_targets from {self.name}.users where user_num between {first + 1} and {first + users}"
        parts = [batch.column(0).to_numpy() for batch in self._without_nulls(self.database.read(query, BATCH_ROWS))]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def user_targets(self, split: Split, first: int, lengths: Lengths) -> UserTargets:
        """Return the targets of a split that the users of a run have, given the first user and their lengths."""
        if self.rule is not None:
            return self.rule.targets(split, first, self._possible(split, lengths))
        if split == "train" or self._evaluated is not None:
            return self._possible(split, lengths)
        return self._marked_targets(split, first, lengths)

    @property
    def _evaluated(self) -> InOrder | None:
        return told_by_lengths(self.meta["split"])

    def _possible(self, split: Split, lengths: Lengths) -> UserTargets:
        """Return the targets, if neither marks of rows nor a rule excluded any."""
        return possible_targets(split, lengths, self._evaluated or "all")

    def _marked_targets(self, split: Split, first: int, lengths: Lengths) -> UserTargets:
        """Return the targets of the users of a run that the rows of a held-out split are marked as."""
        counts, positions = np.zeros(len(lengths.total), np.int64), list[NDArray[np.int32]]()
        for batch, position in self.interactions(first, lengths, ("enum_code(split)::utinyint",)):
            # The first interaction of a user keeps the mark of its split, but has no input.
            found = (batch.column(2).to_numpy() == SPLITS.index(split)) & (position > 1)
            counts += np.bincount(batch.column(0).to_numpy()[found] - first - 1, minlength=len(counts))
            positions.append(position[found].astype(np.int32))
        return UserTargets(counts, np.zeros_like(counts), np.concatenate([np.zeros(0, np.int32), *positions]))

    def target_pool(self, split: Split, first: int, lengths: Lengths) -> TargetPool:
        """Return the targets of the users of a run, see `SequenceSource.target_pool`."""
        if self.rule is None:
            return super().target_pool(split, first, lengths)
        return self.rule.pool(split, first, self._possible(split, lengths))

    def weight_histogram(self) -> NDArray[np.float64] | NDArray[np.int64]:
        """Return (M + 1,): Σ of the mean weights of the users with m training targets; like `target_histogram`."""
        if self.rule is None or self.rule.mean is None:
            return self.target_histogram()
        return np.bincount(self.rule.count["train"], weights=self.rule.mean)

    def weighted(self, weighing: Weighing) -> Store:
        """Return the store with weights of its interactions, or restricted to targets that satisfy a condition.

        Args:
            weighing: how the weights are computed.

        Raises:
            duckdb.Error: a column cannot be computed from some value.
            UsageError, DataError: from `weighing`.
        """
        chunks = zip(*self.lengths(0, self.users - 1, USERS_A_READ), strict=True)
        lengths = Lengths(*(np.concatenate(column) for column in chunks))
        splits: tuple[Split, ...] = ("train", "validation", "test")
        possible = {split: self._possible(split, lengths) for split in splits}
        weighing = weighing if self._evaluated is not None else among_marked(weighing)
        path = Path(tempfile.mkdtemp(prefix="weights-", dir=self.database.scratch)) / "weights"
        return replace(self, rule=pick_targets(self.database, path, weighing, lengths.total, possible))

    def times(self, split: Split) -> Iterator[NDArray[np.float64]]:
        """Yield the times of a split's interactions, in the log's unit; timestamps in seconds."""
        kind = self.meta["time_type"]
        time = "time::double" if kind in ("BIGINT", "DOUBLE") else "epoch(time)"
        query = f"select {time} from {self.name}.interactions where split = '{split}'"
        for batch in self._without_nulls(self.database.read(query, BATCH_ROWS)):
            yield batch.column(0).to_numpy()

    def seconds(self) -> str | None:
        """Return the SQL expression of an interaction's time as a number; None without times.

        Times that are numbers in the log are as they are. Timestamps are in seconds since 1970: BIGINT if all are whole
        seconds; else DOUBLE if each microsecond is another number, and nothing is finer; else a DECIMAL.
        """
        kind = self.meta["time_type"]
        if kind is None or kind in ("BIGINT", "DOUBLE"):
            return None if kind is None else "time"
        part, digits = ("ns", 9) if kind == "TIMESTAMP_NS" else ("us", 6)
        units, micros = 10**digits, 10 ** (digits - 6)
        is_double = f"time % {micros} = 0 and abs(time) < {_DOUBLE_SECONDS * units}"
        query = (
            f"select bool_and(time % {units} = 0), bool_and({is_double}) "
            f"from (select epoch_{part}(time)::hugeint as time from {self.name}.interactions)"
        )
        ((are_whole, are_doubles),) = self.database.con.sql(query).fetchall()
        if are_whole:
            return f"epoch_{part}(time) // {units}"
        if are_doubles:
            return "epoch(time)"
        return f"epoch_{part}(time)::decimal(19, 0) * {1 / units:.{digits}f}::decimal({digits}, {digits})"

    def interactions(
        self, first: int, lengths: Lengths, columns: Sequence[str]
    ) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
        """Yield the interactions of a run of consecutive users in their order.

        Args:
            first: 0-based first user.
            lengths: of the users of the run.
            columns: SQL of further columns.

        Yields:
            Arrow batches of user_num, item_num and the further columns, and the positions of the rows in their users'
            sequences, int64, from 1.

        Raises:
            IntegrityError: the rows do not follow the lengths, or an item is not in the vocabulary.
        """
        query = (
            f"select {', '.join(('user_num', 'item_num', *columns))} from {self.name}.interactions "
            f"where user_num between {first + 1} and {first + len(lengths.total)}"
        )
        order = RowOrder(str(self.path), first, lengths.total)
        for batch in self._sound(self.database.read(query, BATCH_ROWS), first=1):
            row, users = order.row, batch.column(0).to_numpy()
            order.take(users)
            yield batch, np.arange(row + 1, order.row + 1) - order.begin_of(users.astype(np.int64) - 1)
        order.finish()

    def user_ids(self, first: int, users: int) -> pa.Array:
        """Return the ids of a run of users, from the 0-based first one on, as an Arrow array of texts.

        Raises:
            IntegrityError: an id is missing.
        """
        query = f"select user_id from {self.name}.users where user_num between {first + 1} and {first + users}"
        parts = [batch.column(0) for batch in self._without_nulls(self.database.read(query, BATCH_ROWS))]
        ids = pa.concat_arrays(parts) if parts else pa.array([], pa.string())
        if len(ids) != users:
            raise IntegrityError(f"{self.path}: table users does not contain all users", tip=self._again())
        return ids

    def spans(
        self, first: int, lengths: NDArray[np.int64], spans: Spans, kept: list[str], *, train_only: bool
    ) -> Sequences:  # fmt: skip
        """Read parts of the sequences of a run of consecutive users, see `SequenceSource.spans`."""
        last = first + len(lengths) - 1
        columns = "".join(f", {identifier(name)}" for name in kept)
        query = (
            f"select user_num, item_num{columns} from {self.name}.interactions "
            f"where user_num between {first + 1} and {last + 1}" + (" and split = 'train'" if train_only else "")
        )
        order = RowOrder(str(self.path), first, lengths)
        return cut_spans(self._sound(self.database.read(query, BATCH_ROWS), first=1), order, spans, kept)

    def in_order(self) -> Iterator[Any]:
        """Yield all interactions in their order, as Arrow batches of user and item (from 0), [time], keep_0, ..."""
        time = "" if self.meta["time_type"] is None else ", time"
        kept = "".join(f", {identifier(name)} as keep_{i}" for i, name in enumerate(self.kept))
        query = f"select user_num - 1 as user, item_num - 1 as item{time}{kept} from {self.name}.interactions"
        return self._sound(self.database.read(query, BATCH_ROWS), first=0, has_time=bool(time))

    def _without_nulls(self, batches: Iterator[Any], columns: int | None = None) -> Iterator[Any]:
        """Yield batches, after checking that their first columns, or all, contain no null."""
        for batch in batches:
            if any(column.null_count for column in batch.columns[:columns]):
                raise IntegrityError(f"{self.path}: a number or an id is missing", tip=self._again())
            yield batch

    def _sound(self, batches: Iterator[Any], *, first: int, has_time: bool = False) -> Iterator[Any]:
        """Yield batches of users, items, [times] and more: items are in the vocabulary, which counts from `first`."""
        for batch in self._without_nulls(batches, 2 + has_time):
            items = batch.column(1).to_numpy()
            if len(items) and not first <= items.min() <= items.max() < first + self.items:
                wrong = items.min() if items.min() < first else items.max()
                raise IntegrityError(f"{self.path}: item_num {wrong} is outside the vocabulary", tip=self._again())
            yield batch

    def _again(self) -> str:
        return f"Create it again: genpas ingest LOGS -o {self.path} --force"

    def histories(
        self, through: Split, interactions: int, kept: Sequence[str] = ()
    ) -> Iterator[tuple[Lengths, Sequences]]:
        """Yield the sequences of all users, see `runs`."""
        return self.runs(through, interactions, first=0, last=self.users - 1, kept=kept)

    def ids(self, table: Literal["users", "items"], numbers: NDArray[np.integer[Any]]) -> list[str]:
        """Return the ids of a few numbers, in the order of the numbers."""
        name, wanted = table[:-1], ", ".join(map(str, dict.fromkeys(numbers.tolist()))) or "null"
        query = f"select {name}_num, {name}_id::varchar from {self.name}.{table} where {name}_num in ({wanted})"
        found = dict(self.database.con.sql(query).fetchall())
        return [found[number] for number in numbers.tolist()]

    def vocabulary(self, table: Literal["users", "items"]) -> Iterator[Any]:
        """Yield Arrow batches (number, id) in the order of numbers."""
        name = table[:-1]
        query = f"select {name}_num, {name}_id from {self.name}.{table}"
        yield from self._without_nulls(self.database.read(query, BATCH_ROWS))
