"""What an export knows about items besides the pairs: ids, information such as titles, and codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.options import ExportOptions
from genpas_cli.export.source import DirectoryReader, PairReader, vocabularies_of_stream
from genpas_cli.pairs.changes.item_columns import TextsOf
from genpas_cli.pairs.codes.files import Codes, ParquetCodes, open_codes, read_codes
from genpas_cli.pairs.codes.item_codes import ItemCodes, item_codes
from genpas_cli.pairs.codes.sid import SidPattern, sid_pattern
from genpas_cli.pairs.codes.spreading import Room
from genpas_cli.pairs.manifest import NAME
from genpas_cli.pairs.vocabulary import HeldIds, Vocabulary
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.text.nearest import nearest

SID = "sid"
"""Name of the column with the codes of an item as text."""


@dataclass(frozen=True)
class ItemData:
    """The items of the exported pairs, by number from 1."""

    vocabulary: Vocabulary | None = None
    """Id of each item; None where it is not needed."""
    info: pa.Table | None = None
    """Columns of item information that the export uses."""
    of_pairs: tuple[str, ...] = ()
    """Those of these columns that become columns of the pairs."""
    codes: ItemCodes | None = None
    """Codes of the items (`--semantic-ids`)."""
    pattern: SidPattern = field(default_factory=lambda: sid_pattern("minionerec"))
    """How codes are written as text."""

    @cached_property
    def ids(self) -> pa.Array | None:
        """Id of each item, in memory; None where it is not needed."""
        return None if self.vocabulary is None else self.vocabulary.whole()

    def column(self, name: str) -> pa.Array:
        """Return the values of a column of item information, by item number from 1."""
        assert self.info is not None
        return self.info[name].combine_chunks()

    def columns(self, *, with_sid: bool) -> dict[str, pa.Array | TextsOf]:
        """Return name → value of each item number from 1, for columns of the pairs; with `sid`, the codes as text."""
        found: dict[str, pa.Array | TextsOf] = {name: self.column(name) for name in self.of_pairs}
        if with_sid and self.codes is not None:
            is_large = self.codes.table.is_in_file
            found[SID] = partial(self.pattern.texts_of, self.codes) if is_large else self.pattern.texts(self.codes)
        return found


@dataclass(frozen=True)
class Wanted:
    """What an export needs to know about the items."""

    columns: Sequence[str]
    """Columns of item information that the format needs."""
    named: Sequence[str]
    """Names in `--columns`, which may be columns of item information."""
    everything: bool
    """Whether the export writes all columns of item information, in a separate file."""
    ids: bool
    """Whether the ids are needed for other reasons."""
    sid_format: str
    """How codes are written as text."""


def item_data(
    reader: PairReader, options: ExportOptions, wanted: Wanted, machine: Machine, scratch: Path
) -> tuple[ItemData, Vocabulary | None]:
    """Return what is known about the items, and the ids of the users if they are needed and known.

    Args:
        reader: the pairs.
        options: of these, the files of codes and item information and their treatment are used.
        wanted: what the export needs.
        machine: the limits.
        scratch: directory for temporary files.

    Raises:
        UsageError: an option that needs the ids or information of items, which are unknown.
        DataError: a file of codes or item information cannot be used.
    """
    codes = None if options.semantic_ids is None else open_codes(Path(options.semantic_ids))
    needs_ids = wanted.ids or codes is not None or options.item_info is not None
    ids, users = _vocabularies(reader, options, needs=needs_ids, codes=codes)
    info = None
    if options.item_info is not None:
        assert ids is not None
        info = information_of(ids, options, machine, scratch, None if wanted.everything else wanted)
    elif wanted.columns or wanted.named or wanted.everything:
        info = _beside(reader, options)
    there = () if info is None else info.column_names
    names = list(dict.fromkeys([*wanted.columns, *(name for name in wanted.named if name in there)]))
    if names:
        _check_names(info, names, reader.layout.kept)
    if info is not None and not wanted.everything:
        info = info.select(names)
    if info is not None and not info.column_names:
        info = None
    _refuse_kept(names, reader)
    found = None
    if codes is not None:
        found = item_codes(
            ids, codes, missing=options.missing_codes, colliding=options.colliding_codes, room=Room.of(machine, scratch)
        )
    return ItemData(ids, info, tuple(names), found, sid_pattern(wanted.sid_format)), users


def _refuse_kept(names: Sequence[str], reader: PairReader) -> None:
    if both := [name for name in names if name in reader.layout.kept]:
        raise DataError(
            f"{both[0]!r} is both a kept column of the log and a column of item information",
            tip="Rename the column of item information.",
        )


def columns_beside(reader: PairReader, options: ExportOptions) -> list[str]:
    """Return the columns of item information that the pairs directory, or that of `--vocab`, has."""
    found = _beside(reader, options)
    return [] if found is None else list(found.column_names)


def _beside(reader: PairReader, options: ExportOptions) -> pa.Table | None:
    if isinstance(reader, DirectoryReader):
        return reader.item_columns()
    # A vocabulary may be a directory with items.parquet alone: such a file has no further columns.
    if options.vocab is None or not (Path(options.vocab) / NAME).is_file():
        return None
    vocabularies_of_stream(reader, Path(options.vocab))  # the columns are found by item number
    return DirectoryReader(Path(options.vocab)).item_columns()


def information_of(
    ids: Vocabulary, options: ExportOptions, machine: Machine, scratch: Path, wanted: Wanted | None = None
) -> pa.Table:
    """Return what the file of `--item-info` says about items, one row per id.

    Args:
        ids: id of each item number from 1.
        options: `item_info` names the file, `item_info_id` its column of ids.
        machine: the limits.
        scratch: directory for temporary files.
        wanted: the columns to read, so that others take no memory; None for all. All are read too if a column that the
            format needs is not there, for the message that lists them.
    """
    from genpas_cli.ingest.item_info import item_info  # imports DuckDB, which other exports do not need

    assert options.item_info is not None
    with item_info(options.item_info, _numbered(ids), machine, scratch, id_column=options.item_info_id) as found:
        names: Sequence[str] = found.columns
        if wanted is not None and set(wanted.columns) <= set(names):
            names = [name for name in names if name in (*wanted.columns, *wanted.named)]
        return pa.Table.from_batches(list(found.batches(names))).drop_columns(["item_num", "item_id"])


def _numbered(ids: Vocabulary) -> Iterator[pa.RecordBatch]:
    begin = 0
    for some in ids.blocks():
        numbers = pa.array(np.arange(begin + 1, begin + 1 + len(some), dtype=np.int32))
        yield pa.RecordBatch.from_arrays([numbers, some], names=["num", "id"])
        begin += len(some)


def _check_names(info: pa.Table | None, names: Sequence[str], kept: Sequence[str]) -> None:
    """Raise UsageError if there is no item information, or a column is not there."""
    if info is None or not info.column_names:
        near = nearest(names[0], kept)
        raise UsageError(
            f"these pairs have no item information, so the column {names[0]!r} of the items is unknown",
            tip=f"Did you mean the kept column {near!r}?" if near else "Give a file with one row per item: "
            "--item-info FILE",
        )  # fmt: skip
    for name in names:
        if name not in info.column_names:
            near = nearest(name, [*info.column_names, *kept])
            other = "Name the column of titles: --title COLUMN" if name == "title" else None
            raise UsageError(
                f"the item information has no column {name!r}; its columns are: {', '.join(info.column_names)}",
                tip=f"Did you mean {near!r}?" if near else other,
            )


def _vocabularies(
    reader: PairReader, options: ExportOptions, *, needs: bool, codes: Codes | ParquetCodes | None
) -> tuple[Vocabulary | None, Vocabulary | None]:
    """Return the ids of items and users by number, or None; raise UsageError if item ids are needed but not known."""
    if not needs:
        return None, None
    if isinstance(reader, DirectoryReader):
        items, users = reader.vocabulary("items"), reader.vocabulary("users")
        if items is None:
            raise UsageError("the pairs directory has no items.parquet, so the ids of the items are unknown")
        return items, users
    if options.vocab is None:
        if codes is not None and codes.keys == "id" and reader.layout.largest is None:
            # The items of the stream are numbered in the order of the file of codes.
            found = read_codes(Path(codes.path)).ids
            return HeldIds(found), None
        raise UsageError(
            "a stream does not contain a vocabulary",
            tip="Name a pairs directory of the same log (--vocab DIR), or write ids to the stream: genpas augment "
            "... -o - --ids raw",
        )
    return vocabularies_of_stream(reader, Path(options.vocab))


def with_titles(data: ItemData, options: ExportOptions) -> ItemData:
    """Return the item data with a title for every item, for formats that write titles.

    Args:
        data: of the items, with the column of titles and the ids.
        options: `title` names the column; `missing_titles` says what is written for an item without a title.

    Raises:
        DataError: titles are missing, and `missing_titles` is `error`.
    """
    assert data.info is not None
    assert data.ids is not None
    _check_names(data.info, [options.title], ())
    place = data.info.column_names.index(options.title)
    found = _as_titles(data.info.column(place).combine_chunks(), options.title)
    found = pc.if_else(pc.match_substring_regex(found, r"\S"), found, pa.scalar(None, pa.string()))
    if found.null_count and options.missing_titles == "error":
        first = data.ids[int(np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))[0])].as_py()
        raise DataError(
            f"{found.null_count:,} of {len(found):,} items have no {options.title}, such as {first!r}, but --to "
            f"{options.to} writes titles",
            tip="To write their ids instead: --missing-titles id",
        )
    return replace(data, info=data.info.set_column(place, options.title, found.fill_null(data.ids)))


def _as_titles(values: pa.Array, name: str) -> pa.Array:
    try:
        return values.cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(
            f"the column {name!r} of the item information has the type {values.type}; a title must be a "
            "string, a number or a date",
            tip="Name another column: --title COLUMN",
        ) from error
