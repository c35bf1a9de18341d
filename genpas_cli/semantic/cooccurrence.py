"""Item vectors from a log: truncated SVD of the positive pointwise mutual information of items that occur together.

Two items occur together where they are at most `window` positions apart in a training sequence. Nothing that is held
out is read: items are taken in the order of their ids, not of their numbers, because the numbers also count held-out
interactions.

Source: Levy and Goldberg, "Neural Word Embedding as Implicit Matrix Factorization", NeurIPS 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import InOrder
from genpas_cli.semantic.quantization.svd import SparseRows, symmetric_factors
from genpas_cli.semantic.quantization.vectors import Vectors
from genpas_cli.store.sequences import Sequences
from genpas_cli.store.store import Store

_INTERACTIONS_A_RUN = 1 << 20
_COUNTED = pa.schema([("key", pa.int64()), ("n", pa.int64())])


class TrainingItems(NamedTuple):
    """The items that occur in training, in the order of their ids."""

    ids: pa.Array
    """Texts, (items,)."""
    number: NDArray[np.int64]
    """Item number from 1 of each."""
    without: pa.Array
    """Ids of the other items of the vocabulary, in the same order."""


def training_items(store: Store) -> TrainingItems:
    """Return the items of the training interactions of a store.

    Raises:
        DataError: there are none.
    """
    query = (
        f"select item_id::varchar, item_num, item_num in (select item_num from {store.name}.interactions where split = "
        f"'train') from {store.name}.items order by 1"
    )
    ids, number, occurs = store.database.con.sql(query).to_arrow_table().combine_chunks().columns
    seen, unseen = (ids.filter(mask).combine_chunks() for mask in (occurs, pc.invert(occurs)))
    if not len(seen):
        raise DataError(f"{store.path} has no training interactions")
    return TrainingItems(seen, number.filter(occurs).to_numpy().astype(np.int64), unseen)


def item_vectors(  # noqa: PLR0913  # all but two by keyword
    store: Store, items: TrainingItems, *, window: int, width: int, stream: np.random.Generator, run: InOrder,
    progress: Progress,
) -> Vectors:  # fmt: skip
    """Return one vector per training item, float32 (items, width).

    Args:
        store: the store.
        items: its training items.
        window: largest distance of two items that occur together.
        width: number of dimensions.
        stream: random stream of the SVD.
        run: runs blocks of rows.
        progress: called with the progress.
    """
    place = np.zeros(store.items + 1, np.int64)
    place[items.number] = np.arange(len(items.ids))
    progress("counting items that occur together")
    database = store.database
    database.con.execute("attach ':memory:' as together")
    try:
        keys = _keys(store, place, len(items.ids), window)
        database.create("together.pairs", "select key, n from feed", _COUNTED, [keys])
        query = "select key, sum(n)::bigint as n from together.pairs group by key order by key"
        batches = list(database.read(query, 1 << 20))
    finally:
        database.con.execute("detach together")
    key, count = (
        np.concatenate([np.zeros(0, np.int64), *(batch.column(at).to_numpy() for batch in batches)]) for at in (0, 1)
    )
    progress("factorising the matrix of items")
    return symmetric_factors(_information(key, count, len(items.ids)), width, stream, run)


def _keys(store: Store, place: NDArray[np.int64], size: int, window: int) -> Iterator[Any]:
    """Yield batches of (key, n): how often two items occur together; the key is the first item × `size` + the second.

    Args:
        store: the store.
        place: the place of each item number among the training items.
        size: number of training items.
        window: see `item_vectors`.
    """
    for _, sequences in store.histories("train", _INTERACTIONS_A_RUN):
        items, owner = place[sequences.items], _owners(sequences)
        for distance in range(1, window + 1):
            same = owner[distance:] == owner[:-distance]
            one, other = items[:-distance][same], items[distance:][same]
            differ = one != other
            low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
            key, count = np.unique(low * size + high, return_counts=True)
            yield pa.RecordBatch.from_arrays([pa.array(key), pa.array(count.astype(np.int64))], schema=_COUNTED)


def _owners(sequences: Sequences) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sequences.offsets) - 1), np.diff(sequences.offsets))


def _information(key: NDArray[np.int64], count: NDArray[np.int64], items: int) -> SparseRows:
    """Return the positive pointwise mutual information of all pairs, by rows, from the counts of unordered pairs."""
    row, column = np.concatenate((key // items, key % items)), np.concatenate((key % items, key // items))
    count = np.concatenate((count, count)).astype(np.float64)
    of_item = np.bincount(row, weights=count, minlength=items)
    information = np.log(count * count.sum() / (of_item[row] * of_item[column]))
    positive = information > 0
    row, column, information = row[positive], column[positive], information[positive]
    order = np.lexsort((column, row))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=items))))
    return SparseRows(offsets, column[order].astype(np.int32), information[order].astype(np.float32))
