"""The vectors that codes are made of: embeddings from a file, or vectors of the items of a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.codes.matching import NumberedRows, matched
from genpas_cli.pairs.codes.spreading import Room
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.pairs.vocabulary import Vocabulary
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.machine import Machine, scratch_directory
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import InOrder
from genpas_cli.semantic.cooccurrence import item_vectors, training_items
from genpas_cli.semantic.embeddings import Embeddings, Normalized, Reduced, Selected, read_embeddings
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.semantic.quantization.vectors import VectorsInMemory, VectorSource
from genpas_cli.store.access import open_store, store_memory
from genpas_cli.store.item_ids import StoreIds
from genpas_cli.store.schema import is_store

_STORE_DIMENSIONS = 64
_STORE_WINDOW = 5


class Given(NamedTuple):
    """The files that the user names."""

    source: Path
    ids: Path | None
    vocab: Path | None


class Source(NamedTuple):
    """The vectors of items, with their ids."""

    ids: pa.Array
    vectors: VectorSource
    row: NDArray[np.int32] | None
    """Row of the vector of each item number from 1, -1 for none: (numbers,); None without a vocabulary."""
    without: pa.Array
    """Ids of the items of the vocabulary that have no vector."""
    unmatched: int = 0
    """Number of vectors left out, because the vocabulary lacks their item."""


@contextmanager
def opened(  # all needed
    given: Given, options: SemanticIdsOptions, machine: Machine, stream: np.random.Generator, run: InOrder,
    progress: Progress,
) -> Iterator[Source]:  # fmt: skip
    """Yield the vectors of the source.

    Raises:
        UsageError: an option that does not fit the source.
        DataError: a file cannot be used, or embeddings and vocabulary do not fit.
    """
    if options.unmatched == "drop" and given.vocab is None:
        raise UsageError(
            "--unmatched drop has no effect without --vocab",
            tip="Remove --unmatched drop, or name the pairs directory or store that has the items: --vocab DIR",
        )
    if not is_store(given.source):
        if options.window is not None:
            raise UsageError(
                f"--window can only be used with a store; {given.source} has embeddings", tip="Remove --window."
            )
        with scratch_directory(machine.temp_dir) as scratch:
            yield _of_embeddings(given, options, machine, scratch, progress)
        return
    for flag, value in (("--ids", given.ids), ("--vocab", given.vocab)):
        if value is not None:
            raise UsageError(f"{flag} cannot be used with {given.source}, which is a store")
    with (
        scratch_directory(machine.temp_dir) as scratch,
        open_store(given.source, machine, scratch, memory=store_memory(machine.memory)) as store,
    ):
        items = training_items(store)
        values = item_vectors(
            store, items, window=options.window or _STORE_WINDOW, width=options.dimensions or _STORE_DIMENSIONS,
            stream=stream, run=run, progress=progress,
        )  # fmt: skip
        vectors: VectorSource = VectorsInMemory(values)
        row = np.full(store.items, -1, np.int32)
        row[items.number - 1] = np.arange(len(items.ids), dtype=np.int32)
        yield Source(items.ids, Normalized(vectors) if options.normalize else vectors, row, items.without)


def _of_embeddings(
    given: Given, options: SemanticIdsOptions, machine: Machine, scratch: Path, progress: Progress
) -> Source:  # fmt: skip
    room = Room.of(machine, scratch)
    found = read_embeddings(given.source, given.ids, room)
    without, unmatched, row = pa.array([], pa.string()), 0, None
    if given.vocab is not None:
        with _vocabulary(given.vocab, machine, scratch) as vocabulary:
            source = NumberedRows(found.ids, str(given.source))
            with room.used():
                blocks = list(matched(vocabulary.blocks(), len(vocabulary), source, room))
            row = np.concatenate([np.zeros((0, 1), np.int32), *blocks]).reshape(-1)
            without = _missing(vocabulary, row)
            found, row, unmatched = _selected(found, vocabulary, row, given, options)
    vectors: VectorSource = Normalized(found.vectors) if options.normalize else found.vectors
    if options.dimensions is not None:
        if options.dimensions > vectors.width:
            raise UsageError(
                f"--dimensions is {options.dimensions}, but the vectors of {given.source} have {vectors.width} "
                "dimensions"
            )
        progress("reducing the vectors")
        vectors = Reduced(vectors, options.dimensions)
    return Source(found.ids, vectors, row, without, unmatched)


def _selected(
    found: Embeddings, vocabulary: Vocabulary, row: NDArray[np.int32], given: Given, options: SemanticIdsOptions
) -> tuple[Embeddings, NDArray[np.int32], int]:
    """Return the embeddings of the items of the vocabulary, the row of each number, and how many others there are.

    Raises:
        DataError: no embedding matches an item; or one does not, and `unmatched` is `error`.
    """
    known = np.zeros(len(found.ids), np.bool_)
    known[row[row >= 0]] = True
    others = int((~known).sum())
    if not others:
        return found, row, 0
    example = found.ids[int(np.flatnonzero(~known)[0])].as_py()
    if others == len(known):
        raise DataError(
            f"no embedding of {given.source} belongs to an item of {given.vocab}: the first embedding is of "
            f"{example!r}, the first item is {next(vocabulary.blocks())[0].as_py()!r}"
        )
    if options.unmatched == "error":
        raise DataError(
            f"{others:,} of {len(known):,} embeddings of {given.source} belong to no item of {given.vocab}, such as "
            f"{example!r}",
            tip="To leave them out: --unmatched drop",
        )
    left = np.where(row >= 0, np.cumsum(known, dtype=np.int32)[row] - 1, -1).astype(np.int32)
    return Embeddings(found.ids.filter(pa.array(known)), Selected(found.vectors, known)), left, others


def _missing(vocabulary: Vocabulary, row: NDArray[np.int32]) -> pa.Array:
    """Return the ids of the items without a row."""
    found, begin = [pa.array([], pa.string())], 0
    for ids in vocabulary.blocks():
        found.append(ids.filter(pa.array(row[begin : begin + len(ids)] < 0)).cast(pa.string()))
        begin += len(ids)
    return pa.concat_arrays(found)


@contextmanager
def _vocabulary(path: Path, machine: Machine, scratch: Path) -> Iterator[Vocabulary]:
    """Yield the id of each item number from 1 of a pairs directory or a store."""
    if is_store(path):
        with open_store(path, machine, scratch, memory=store_memory(machine.memory)) as store:
            yield StoreIds(store)
        return
    if not is_pairs_directory(path):
        raise DataError(
            f"--vocab {path}: it must be a pairs directory or a store",
            tip="genpas augment writes a pairs directory, genpas ingest a store.",
        )
    items = PairFiles(path).vocabulary("items")
    if items is None:
        raise DataError(f"--vocab {path}: the directory has no items.parquet")
    yield items
