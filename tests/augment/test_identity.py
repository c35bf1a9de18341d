"""A store is known by its content: what was made from one is never taken for what was made from another."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest, merge, stats, verify
from genpas_cli.augment import job
from genpas_cli.runtime.atomic_output import unfinished
from genpas_cli.runtime.errors import IntegrityError, UsageError
from genpas_cli.runtime.machine import MachineOptions, resolve
from genpas_cli.store.access import open_store
from genpas_cli.store.table_digest import TableDigest

USERS = 60


def events(seed: int) -> list[str]:
    """Return rows of a log without times: their order is that of the files."""
    rng = np.random.default_rng(seed)
    return [f"u{user},i{rng.integers(40)},{rng.integers(1, 6)}" for _ in range(4) for user in range(USERS)]


def write(path: Path, rows: list[str]) -> Path:
    """Write a log."""
    path.write_text("\n".join(["user_id,item_id,rating", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of stores that differ in one thing each from the one called `one`; not to be changed."""
    root = tmp_path_factory.mktemp("identity")
    first, second = write(root / "a.csv", events(1)), write(root / "b.csv", events(2))
    changed = [*events(2)[:-1], "u59,i39,5" if events(2)[-1] != "u59,i39,5" else "u59,i38,5"]
    other = write(root / "c.csv", changed)
    rated = write(root / "d.csv", [*events(2)[:-1], events(2)[-1].rpartition(",")[0] + ",6"])
    items = root / "items.parquet"
    numbers = pa.array(range(1, 41), pa.int32())
    pq.write_table(pa.table({"item_num": numbers, "item_id": [f"i{40 - n}" for n in range(1, 41)]}), items)
    keep = IngestOptions(keep=("rating",))
    made = {
        "one": ((first, second), keep),
        "the files in another order": ((second, first), keep),
        "one row changed": ((first, other), keep),
        "one kept value changed": ((first, rated), keep),
        "another split": ((first, second), IngestOptions(keep=("rating",), split="none")),
        "other item numbers": ((first, second), IngestOptions(keep=("rating",), items=str(items))),
    }
    for name, (files, options) in made.items():
        ingest(list(files), root / f"{name}.store", options)
    return root


@pytest.fixture
def stores(originals: Path, tmp_path: Path) -> dict[str, Path]:
    """Return copies of these stores, by name."""
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    return {path.stem: path for path in tmp_path.glob("*.store")}


OTHERS = [
    "the files in another order", "one row changed", "one kept value changed", "another split", "other item numbers"
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_what_was_made_from_another_store_is_refused(stores: dict[str, Path], tmp_path: Path, other: str) -> None:
    one, two = stores["one"], stores[other]
    parts = AugmentOptions(shard_rows=60)
    first = augment(one, tmp_path / "p.pairs", parts, part="1/2").output
    second = augment(two, tmp_path / "p.pairs", parts, part="2/2").output
    with pytest.raises(UsageError, match="parts of different data sets"):
        merge([first, second])
    pairs = tmp_path / "out.pairs"
    augment(one, pairs)
    with pytest.raises((UsageError, IntegrityError)):
        augment(two, pairs, resume=True)
    with pytest.raises(IntegrityError, match="is not the store of"):
        verify(pairs, store=two)
    assert verify(pairs, store=one).slices
    augment(one, pairs, resume=True)


@pytest.mark.parametrize("other", OTHERS)
def test_a_stopped_run_does_not_go_on_with_another_store(
    stores: dict[str, Path], tmp_path: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.pairs"
    with monkeypatch.context() as patch:
        patch.setattr(job, "write_companions", _fails)
        with pytest.raises(RuntimeError):
            augment(stores["one"], output, resume=True)
    assert unfinished(output).is_dir()
    with pytest.raises(IntegrityError, match="another log"):
        augment(stores[other], output, resume=True)
    assert augment(stores["one"], output, resume=True).resumed == 3


def _fails(*_: object) -> None:
    raise RuntimeError


@pytest.mark.parametrize("name", ["one", "another split", "other item numbers"])
def test_the_digest_that_is_written_is_that_of_what_the_store_holds(
    stores: dict[str, Path], tmp_path: Path, name: str
) -> None:
    with open_store(stores[name], resolve(MachineOptions()), tmp_path) as store:
        assert store.content_digest == store.compute_content_digest()
        assert len(str(store.content_digest)) == 64


def test_the_same_content_has_the_same_digest_whatever_it_was_read_from(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    """The name of the file, the threads and the memory are nothing of the content."""
    whole = write(tmp_path / "whole.csv", [*events(1), *events(2)])
    ingest(whole, tmp_path / "w.store", IngestOptions(keep=("rating",), threads=1, memory_limit="400MB"))
    digests = set()
    for path in (stores["one"], tmp_path / "w.store"):
        with open_store(path, resolve(MachineOptions()), tmp_path) as store:
            digests.add(store.content_digest)
    assert len(digests) == 1


def test_the_manifest_has_the_digest(stores: dict[str, Path], tmp_path: Path) -> None:
    augment(stores["one"], tmp_path / "p.pairs")
    with open_store(stores["one"], resolve(MachineOptions()), tmp_path) as store:
        manifest = json.loads((tmp_path / "p.pairs" / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["content_sha256"] == store.content_digest
    assert stats(tmp_path / "p.pairs", store=stores["one"]).fair_draw is not None


# -------------------------------------------------------------------------------------------------------- table digests

VALUES = st.lists(
    st.tuples(
        st.none() | st.integers(-5, 5), st.none() | st.text("ab", max_size=2),
        st.none() | st.lists(st.none() | st.text("xy", max_size=1), max_size=2), st.none() | st.booleans(),
        st.none() | st.fixed_dictionaries({"x": st.none() | st.integers(0, 1), "y": st.none() | st.just("k")}),
    ),
    max_size=6,
)  # fmt: skip

SCHEMA = pa.schema([
    ("number", pa.int32()), ("text", pa.string()), ("list", pa.list_(pa.string())), ("truth", pa.bool_()),
    ("object", pa.struct([("x", pa.int64()), ("y", pa.string())])),
])  # fmt: skip


def table(rows: list[tuple[object, ...]]) -> pa.Table:
    """Return a table of rows."""
    columns = zip(*rows, strict=True) if rows else [[] for _ in SCHEMA]
    return pa.table([pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def digest(rows: pa.Table, cuts: list[int]) -> str:
    """Return the digest of a table that comes in batches."""
    found, ends = TableDigest(rows.schema), [0, *sorted(cut % (rows.num_rows + 1) for cut in cuts), rows.num_rows]
    for begin, end in pairwise(ends):
        for batch in rows.slice(begin, end - begin).to_batches():
            found.add(batch)
    return found.hexdigest()


@given(VALUES, st.lists(st.integers(0, 6), max_size=3))
def test_batches_make_no_difference_to_a_digest(rows: list[tuple[object, ...]], cuts: list[int]) -> None:
    assert digest(table(rows), cuts) == digest(table(rows), [])


@given(VALUES, VALUES)
def test_tables_have_the_same_digest_if_they_hold_the_same(
    one: list[tuple[object, ...]], two: list[tuple[object, ...]]
) -> None:
    assert (digest(table(one), []) == digest(table(two), [])) == (one == two)


def test_dictionaries_count_as_what_they_stand_for() -> None:
    plain = pa.table({"a": ["x", "y", None, "x"]})
    for kind in (pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string_view()):
        assert digest(plain.cast(pa.schema([("a", kind)])), []) == digest(plain, [])


@pytest.mark.parametrize(
    "statement",
    [
        "update interactions set item_num = 1 where item_num = 2",
        "update items set item_id = 'other' where item_num = 1",
        "update interactions set rating = 6 where rating = 5",
    ],
)
def test_a_store_that_was_changed_by_sql(stores: dict[str, Path], tmp_path: Path, statement: str) -> None:
    augment(stores["one"], tmp_path / "p.pairs")
    with duckdb.connect(str(stores["one"])) as con:
        con.execute(statement)
    with pytest.raises(IntegrityError, match="was changed after genpas wrote it"):
        verify(tmp_path / "p.pairs", store=stores["one"])
