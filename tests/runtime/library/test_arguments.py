"""What the library is given by mistake is named in one sentence, with what it takes."""

# ruff: noqa: ARG005  # every call takes both, and uses one

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import genpas_cli as library
from genpas_cli import UsageError
from genpas_cli.loaders import InMemoryPairDataset, PairDataset

TABLE: Any = pa.table({"user_id": ["a"], "item_id": ["b"]})
ANY: Any = None
ANY_DICT: Any = {}

Call = Callable[[Path, Path], Any]

MISTAKES: dict[str, tuple[Call, str]] = {
    "a number for a log": (lambda s, p: library.ingest(5, "x.store"),  # type: ignore[arg-type]
                           "sources is 5; it must be a path, a table or a list of paths"),
    "nothing for a log": (lambda s, p: library.ingest([], "x.store"), "sources is empty; it must be a path, a table"),
    "a dict for options": (lambda s, p: library.augment(s, "x", {"alpha": 1}),  # type: ignore[arg-type]
                           "options is a dict; it must be AugmentOptions(...) or None"),
    "options of another job": (lambda s, p: library.augment(s, "x", library.IngestOptions()),  # type: ignore[arg-type]
                               "options is an IngestOptions; it must be AugmentOptions"),
    "a dict of reading": (lambda s, p: library.stats(s, ingest_options={}),  # type: ignore[arg-type]
                          "ingest_options is a dict; it must be IngestOptions"),
    "another split": (lambda s, p: library.augment_stream(s, split_out="dev"),  # type: ignore[arg-type]
                      "split_out is 'dev'; it must be 'train' or 'validation' or 'test'"),
    "other ids": (lambda s, p: library.augment_stream(s, ids="raws"),  # type: ignore[arg-type]
                  "ids is 'raws'; it must be 'num' or 'raw'"),
    "a dict of an export": (lambda s, p: library.export(p, "x", ANY_DICT),
                            "options is a dict; it must be ExportOptions"),
    "a table for pairs": (lambda s, p: library.verify(TABLE), "pairs is a Table; it must be a path"),
    "a table for a store": (lambda s, p: library.verify(p, store=TABLE), "store is a Table; it must be a path"),
    "a dict of the machine": (lambda s, p: library.verify(p, machine={"threads": 1}),  # type: ignore[arg-type]
                              "machine is a dict; it must be MachineOptions"),
    "one part": (lambda s, p: library.merge("x"), "parts is 'x'; it must be a list of paths"),
    "no parts": (lambda s, p: library.merge([]), "parts is empty; it must be a list of paths"),
    "a dict of training": (lambda s, p: library.train(p, "x", {}),  # type: ignore[arg-type]
                           "options is a dict; it must be TrainOptions"),
    "a dict of a comparison": (lambda s, p: library.compare(s, "x", {}),  # type: ignore[arg-type]
                               "options is a dict; it must be CompareOptions"),
    "a dict of a search": (
        lambda s, p: library.tune(s, {}),  # type: ignore[arg-type]
        "options is a dict; it must be TuneOptions",
    ),
    "a dict of a plan": (
        lambda s, p: library.plan(s, {}),  # type: ignore[arg-type]
        "options is a dict; it must be AugmentOptions",
    ),
    "a dict of fresh pairs": (lambda s, p: library.fresh_pairs(s, {}), "options is a dict"),  # type: ignore[arg-type]
    "letters for columns": (lambda s, p: library.fresh_pairs(s, keep="time"), "keep is 'time'; it must be a list"),
    "a word for yes": (
        lambda s, p: library.stats(s, illustrated="no"),  # type: ignore[arg-type]
        "illustrated is 'no'; it must be True or False",
    ),
    "a number for a strategy": (
        lambda s, p: library.parse_strategy(5),  # type: ignore[arg-type]
        "text is 5; it must be a string",
    ),
    "a table to load": (lambda s, p: PairDataset(TABLE), "source has the type Table; it must be a pairs directory"),
    "nothing to load": (lambda s, p: InMemoryPairDataset(ANY), "source has the type NoneType; it must be a pairs"),
    "no split to load": (lambda s, p: PairDataset(p, ANY), "split is None; it must be a string"),
    "a split that is none": (lambda s, p: InMemoryPairDataset(p, "dev"), "has no split 'dev'; it has: "),
    "a word for shuffle": (
        lambda s, p: PairDataset(p, shuffle="no"),  # type: ignore[arg-type]
        "shuffle is 'no'; it must be True or False",
    ),
    "no columns": (lambda s, p: PairDataset(p, columns=ANY), "columns is None; it must be a list of texts"),
    "half a batch": (
        lambda s, p: PairDataset(p, batch_size=2.5),  # type: ignore[arg-type]
        "batch_size is 2.5; it must be a whole number",
    ),
    "a text for a rank": (
        lambda s, p: PairDataset(p, rank="0", world_size=1),  # type: ignore[arg-type]
        "rank is '0'; it must be a whole number",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence(store: Path, pairs: Path, call: Call, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        call(store, pairs)
    assert words in raised.value.message
    assert "\n" not in raised.value.message


def test_all_that_runs_a_job_checks_its_arguments() -> None:
    jobs = {name for name in library.__all__ if name.islower()}
    assert {name for name in jobs if hasattr(getattr(library, name), "__wrapped__")} == jobs
