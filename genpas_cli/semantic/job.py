"""`semantic-ids`: codes of items by residual k-means of their vectors, and figures of their quality."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import keys_of, twins
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import MadeWith, lasting_options, made_with, resolve
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.results.reports import Report, ShownTable
from genpas_cli.runtime.text.wording import percent
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.semantic.keywords import SemanticIdsKeywords
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.semantic.outputs import MadeCodes, check_ending, foreign_in_codes, write_codes
from genpas_cli.semantic.quantization import quality
from genpas_cli.semantic.quantization.kmeans import Codebook
from genpas_cli.semantic.quantization.reassignment import reassigned
from genpas_cli.semantic.quantization.residual import Codes, encode, residuals, train
from genpas_cli.semantic.quantization.vectors import VectorsInMemory, VectorSource, sample
from genpas_cli.semantic.sources import Given, opened

_NAMED = 10
"""Maximum number of items without a vector that the report names."""


class LevelFigures(TypedDict):
    """What is known of one level."""

    codes: int
    """Number of codes that an item can have."""
    used: int
    """Number of codes that at least one item has."""
    entropy: float
    """Entropy of the codes in bits; at most log2 of their number."""
    error: float
    """Share of the squared length of the vectors that is left after this level."""
    frequencies: list[int]
    """Number of items of each used code, the most frequent first."""


@dataclass(frozen=True, repr=False)
class SemanticIdsReport(Report):
    """The report of `semantic-ids`; `genpas semantic-ids --json` prints its fields."""

    source: str
    output: str
    items: int
    """Items with codes."""
    dimensions: int
    """Dimensions of the vectors whose codes these are."""
    levels: list[LevelFigures]
    """The levels of k-means; a level that `--collisions append` adds is not among them."""
    unique_share: float
    """Share of the items whose codes no other item has, before collisions were resolved."""
    largest_collision: int
    """Largest number of items with the same codes, before collisions were resolved."""
    colliding: int
    """Items that still share their codes with another item in the file."""
    neighbours_share: float
    """Mean share of an item's ten nearest neighbours that have its first code."""
    random_share: float
    """The same for random items instead of neighbours."""
    without_vector: int
    """Items of the vocabulary that have no vector and so no codes: those without a training interaction, or without an
    embedding."""
    without_vector_named: list[str]
    """Ids of the first of these."""
    unmatched: int
    """Embeddings that were left out because the vocabulary lacks their item (`--unmatched drop`)."""
    alone: int
    """Items whose vector is zero; of a store, those that occur with no other item in a training sequence. They have
    equal codes before collisions are resolved."""
    seconds: float
    made_with: MadeWith | None = None
    """Version and options."""

    def shown(self) -> list[ShownTable]:
        """Return the figures of the codes, and those of each level."""
        rows = [
            ("items", f"{self.items:,}"), ("dimensions", f"{self.dimensions:,}"),
            ("items with codes of their own, before collisions are resolved", percent(self.unique_share)),
            ("most items with the same codes, before collisions are resolved", f"{self.largest_collision:,}"),
            ("items that share their codes in the file", f"{self.colliding:,}"),
            ("nearest neighbours that share the first code", percent(self.neighbours_share)),
            ("random items that share the first code", percent(self.random_share)),
        ]  # fmt: skip
        levels = [
            (f"level {number}", f"{each['codes']:,}", f"{each['used']:,}", f"{each['entropy']:.2f}",
             percent(each["error"]))
            for number, each in enumerate(self.levels, 1)
        ]  # fmt: skip
        headings = ("", "codes", "used", "entropy (bits)", "error left")
        note = "error left: share of the squared length of the vectors that the codes up to this level do not describe"
        return [ShownTable(("", "value"), rows), ShownTable(headings, levels, (note,))]


@checked
def semantic_ids(  # noqa: PLR0913  # all but three by keyword
    source: str | Path, output: str | Path, options: SemanticIdsOptions | None = None, *,
    ids: str | Path | None = None, vocab: str | Path | None = None, force: bool = False, progress: Progress = silent,
    **_: Unpack[SemanticIdsKeywords],
) -> SemanticIdsReport:  # fmt: skip
    """Make semantic ids of items, and write them to a file.

    Args:
        source: embeddings: Parquet with a column of ids (`item_id` or `pid`) and one of lists of numbers, or a matrix
            (`.npy`, `.safetensors`) with one row per item; or a store, whose items get vectors from how often they
            occur together in training sequences.
        output: the file to write; its ending says the format, see `write_codes`.
        options: see `SemanticIdsOptions`.
        ids: for a matrix: the ids of its rows, a text file with one per line or Parquet.
        vocab: for embeddings: a pairs directory or a store, to whose items the embeddings are compared. Its item
            numbers order the codes in arrays.
        force: overwrite an existing output that genpas wrote.
        progress: called with the progress.

    Raises:
        UsageError: an option is invalid, or the output exists.
        DataError: the source cannot be used.
        MachineError: the output cannot be written.
    """
    started, options = time.monotonic(), options or SemanticIdsOptions()
    _check(options)
    path, target, machine = Path(source), Path(output), resolve(options)
    check_ending(target)
    refuse_existing(target, force=force, foreign=foreign_in_codes)
    given = Given(path, None if ids is None else Path(ids), None if vocab is None else Path(vocab))
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(options.seed).spawn(4)]
    with (
        calling_in_order(machine.threads, "genpas-codes") as run,
        opened(given, options, machine, streams[0], run, progress) as found,
    ):
        progress("training the codes")
        some = sample(found.vectors, options.sample, streams[1])
        kept = some.copy()
        books = train(some, [options.codes] * options.levels, options.iterations, streams[2], run)
        progress("encoding the items")
        encoded = encode(found.vectors, books, run)
        sizes = (options.codes,) * options.levels
        keys = keys_of(encoded.codes, sizes)
        codes = _resolved(encoded.codes, keys, sizes, options, found.vectors, books)
        progress("measuring the codes")
        first = encode(VectorsInMemory(kept), books[:1], run).codes[:, 0]
        near, random = quality.neighbours_sharing(kept, first, streams[3])
        about = {"options": lasting_options(options), "source": path.name}
        write_codes(target, MadeCodes(found.ids, codes, found.row), about, force=force)
    return SemanticIdsReport(
        str(source), str(output), len(found.ids), found.vectors.width,
        [
            {"codes": size, "used": quality.used(encoded.codes[:, level]),
             "entropy": quality.entropy(encoded.codes[:, level]),
             "error": float(encoded.errors[level + 1] / encoded.errors[0]) if encoded.errors[0] else 0.0,
             "frequencies": quality.frequencies(encoded.codes[:, level])}
            for level, size in enumerate(sizes)
        ],
        quality.unique_share(keys), quality.largest_collision(keys), _colliding(codes, sizes), near, random,
        len(found.without), found.without[:_NAMED].to_pylist(), found.unmatched, encoded.zeros,
        round(time.monotonic() - started, 3),
        made_with(options),
    )  # fmt: skip


def _check(options: SemanticIdsOptions) -> None:
    """Raise UsageError for a number that is too small."""
    least = {"levels": 1, "codes": 2, "window": 1, "sample": 1, "iterations": 1, "seed": 0, "dimensions": 1}
    for name, low in least.items():
        if (value := getattr(options, name)) is not None and value < low:
            raise UsageError(f"{flag_of(name)} is {value}; it must be {low} or more")
    if options.levels * np.log2(options.codes) >= 63:  # noqa: PLR2004  # bits of an int64 without its sign
        raise UsageError(
            f"--levels {options.levels} of --codes {options.codes} have more than 2^63 combinations",
            tip="Use fewer levels or fewer codes.",
        )


def _resolved(  # all needed
    codes: Codes, keys: NDArray[np.int64], sizes: tuple[int, ...], options: SemanticIdsOptions, source: VectorSource,
    books: list[Codebook],
) -> Codes:  # fmt: skip
    """Return the codes of the file, after `--collisions`."""
    twin = twins(keys)
    if options.collisions == "append":
        return np.column_stack((codes, twin)).astype(np.int32)
    moved = np.flatnonzero(twin)
    if options.collisions == "keep" or not len(moved):
        return codes
    left, begin = [], 0
    for block in source.blocks():
        here = moved[(moved >= begin) & (moved < begin + len(block))]
        left.append(residuals(block[here - begin], codes[here, :-1], books))
        begin += len(block)
    return reassigned(codes, sizes, np.concatenate(left), moved, books[-1])


def _colliding(codes: Codes, sizes: tuple[int, ...]) -> int:
    """Return how many items share their codes with another one; none if a further level tells them apart."""
    if codes.shape[1] > len(sizes):
        return 0
    _, counts = np.unique(keys_of(codes, sizes), return_counts=True)
    return int(counts[counts > 1].sum())
