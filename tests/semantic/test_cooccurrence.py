"""Item vectors of a store: their matrix against a loop, and that nothing held out changes a byte of the codes."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genpas_cli import DataError, ingest
from genpas_cli.runtime.machine import MachineOptions, resolve
from genpas_cli.runtime.progress import silent
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.semantic import cooccurrence
from genpas_cli.semantic.job import semantic_ids
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.store.access import open_store

HEADER = "user_id,item_id,timestamp"


def histories(users: int = 60, items: int = 40) -> dict[str, list[str]]:
    rng = random.Random(0)
    return {f"u{user}": [f"i{rng.randint(1, items)}" for _ in range(rng.randint(4, 15))] for user in range(users)}


def store_of(directory: Path, log: dict[str, list[str]], name: str = "log") -> Path:
    rows = [f"{user},{item},{place}" for user, items in log.items() for place, item in enumerate(items)]
    (directory / f"{name}.csv").write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    ingest(directory / f"{name}.csv", directory / f"{name}.store")
    return directory / f"{name}.store"


@pytest.mark.parametrize("window", [1, 3])
def test_the_information_of_two_items_is_that_of_a_loop(
    tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = histories()
    counts: Counter[tuple[str, str]] = Counter()
    for sequence in log.values():
        train = sequence[:-2]
        for at, one in enumerate(train):
            for other in train[at + 1 : at + 1 + window]:
                if one != other:
                    counts[one, other] += 1
                    counts[other, one] += 1
    of_item: Counter[str] = Counter()
    for (one, _), count in counts.items():
        of_item[one] += count
    total = sum(counts.values())
    wanted = {
        pair: value for pair, count in counts.items()
        if (value := math.log(count * total / (of_item[pair[0]] * of_item[pair[1]]))) > 0
    }  # fmt: skip
    seen: dict[str, Any] = {}
    monkeypatch.setattr(cooccurrence, "symmetric_factors", lambda matrix, *_: seen.setdefault("matrix", matrix))
    (scratch := tmp_path / "scratch").mkdir()
    with open_store(store_of(tmp_path, log), resolve(MachineOptions()), scratch) as store:
        items = cooccurrence.training_items(store)
        with calling_in_order(1, "test") as run:
            cooccurrence.item_vectors(
                store, items, window=window, width=4, stream=np.random.default_rng(0), run=run, progress=silent
            )
    matrix = seen["matrix"]
    row = np.repeat(np.arange(matrix.rows), np.diff(matrix.offsets))
    found = {
        (items.ids[one].as_py(), items.ids[other].as_py()): value
        for one, other, value in zip(row, matrix.columns, matrix.values, strict=True)
    }
    assert found == pytest.approx(wanted, rel=1e-5)
    assert items.ids.to_pylist() == sorted({item for sequence in log.values() for item in sequence[:-2]})


def test_nothing_that_is_held_out_changes_a_byte_of_the_codes(tmp_path: Path) -> None:
    log = histories()
    rng = random.Random(1)
    changed = {
        user: [*items[:-2], *(f"{rng.choice(['i', 'other-'])}{rng.randint(1, 90)}" for _ in range(2))]
        for user, items in log.items()
    }
    options = SemanticIdsOptions(codes=8, dimensions=6)
    made = []
    for name, each in (("one", log), ("two", changed)):
        (directory := tmp_path / name).mkdir()
        report = semantic_ids(store_of(directory, each), directory / "codes.parquet", options)
        made.append((directory / "codes.parquet").read_bytes())
    assert made[0] == made[1]
    assert report.without_vector > 0
    assert report.without_vector_named == sorted(report.without_vector_named)
    other = {user: [*items[:-3], "i1", *items[-2:]] for user, items in log.items()}
    semantic_ids(store_of(tmp_path, other, "three"), tmp_path / "codes.parquet", options)
    assert (tmp_path / "codes.parquet").read_bytes() != made[0], "what is trained on does"


def test_a_store_without_training_interactions(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"u": ["a"], "v": ["b"]})
    import duckdb

    with duckdb.connect(str(store)) as con:
        con.execute("update interactions set split = 'test'")
    with pytest.raises(DataError, match="has no training interactions"):
        semantic_ids(store, tmp_path / "codes.parquet")
