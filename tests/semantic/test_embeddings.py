"""Embeddings in files: each form gives the same codes; what cannot be used is said with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import DataError, UsageError, augment
from genpas_cli.semantic.job import semantic_ids
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.semantic.quantization import vectors

OPTIONS = SemanticIdsOptions(codes=8, levels=2)
IDS = [f"item {n}" for n in range(300)]
VALUES = np.random.default_rng(0).standard_normal((300, 5)).astype(np.float32)


def parquet(path: Path, ids: Any = IDS, values: Any = VALUES, name: str = "item_id", **more: Any) -> Path:
    rows = values if isinstance(values, list) else pa.array(values.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({name: ids, "embedding": rows, **more}), path)
    return path


def tensor(path: Path, values: Any = VALUES, kind: str = "F32") -> Path:
    header = json.dumps({"x": {"dtype": kind, "shape": values.shape, "data_offsets": [0, values.nbytes]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    return path


def ids_file(directory: Path) -> Path:
    (directory / "ids.txt").write_text("\n".join(IDS) + "\n", encoding="utf-8")
    return directory / "ids.txt"


def codes(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_all_forms_give_the_same_codes(tmp_path: Path) -> None:
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 5)
    pq.write_table(pa.table({"pid": IDS, "vector": fixed}), tmp_path / "fixed.parquet", row_group_size=70)
    np.save(tmp_path / "a.npy", VALUES)
    np.save(tmp_path / "columns.npy", np.asfortranarray(VALUES))
    forms: dict[Path, Path | None] = {
        parquet(tmp_path / "a.parquet"): None, tmp_path / "fixed.parquet": None,
        tmp_path / "a.npy": ids_file(tmp_path), tmp_path / "columns.npy": ids_file(tmp_path),
        tensor(tmp_path / "a.safetensors"): ids_file(tmp_path),
    }  # fmt: skip
    found = []
    for number, (path, ids) in enumerate(forms.items()):
        report = semantic_ids(path, tmp_path / f"{number}.parquet", OPTIONS, ids=ids)
        assert (report.items, report.dimensions, report.without_vector) == (300, 5, 0)
        found.append(codes(tmp_path / f"{number}.parquet"))
    assert all(each == found[0] for each in found[1:])
    assert [row["item_id"] for row in found[0]] == IDS
    assert {len(row["codes"]) for row in found[0]} == {3}, "two levels, and the one that tells collisions apart"


@pytest.mark.parametrize("collisions", ["append", "reassign", "keep"])
def test_collisions(tmp_path: Path, collisions: Any) -> None:
    options = SemanticIdsOptions(codes=8, levels=2, collisions=collisions)
    report = semantic_ids(parquet(tmp_path / "a.parquet"), tmp_path / "c.parquet", options)
    rows = [tuple(row["codes"]) for row in codes(tmp_path / "c.parquet")]
    assert report.largest_collision > 1
    assert (report.colliding == 0) == (collisions == "append")  # 64 combinations cannot tell 300 items apart
    assert report.colliding == sum(rows.count(row) > 1 for row in rows)
    wide = SemanticIdsOptions(codes=32, levels=2, collisions="reassign")
    assert semantic_ids(tmp_path / "a.parquet", tmp_path / "d.parquet", wide).colliding == 0


def test_many_levels_and_vectors_of_zeros(tmp_path: Path) -> None:
    """The further level of seven once made more combinations than a number of 64 bits has."""
    values = VALUES.copy()
    values[:3] = 0
    options = SemanticIdsOptions(codes=256, levels=7, iterations=2)
    report = semantic_ids(parquet(tmp_path / "a.parquet", values=values), tmp_path / "c.parquet", options)
    assert (report.alone, report.colliding) == (3, 0)
    assert len({tuple(row["codes"]) for row in codes(tmp_path / "c.parquet")}) == 300


def test_threads_and_blocks_change_no_byte_that_they_should_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "a.parquet")
    for threads in (1, 2):
        semantic_ids(path, tmp_path / f"{threads}.parquet", SemanticIdsOptions(codes=8, threads=threads))
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 64)
    semantic_ids(path, tmp_path / "small.parquet", SemanticIdsOptions(codes=8, sample=100))
    assert len(codes(tmp_path / "small.parquet")) == 300


def test_normalized_vectors_have_codes_by_their_direction(tmp_path: Path) -> None:
    scaled = VALUES * np.random.default_rng(1).uniform(0.1, 10, (300, 1)).astype(np.float32)
    options = SemanticIdsOptions(codes=8, normalize=True)
    for name, values in (("a", VALUES), ("b", scaled)):
        semantic_ids(parquet(tmp_path / f"{name}.parquet", values=values), tmp_path / f"{name}.codes.parquet", options)
    assert codes(tmp_path / "a.codes.parquet") == codes(tmp_path / "b.codes.parquet")


def test_reduced_vectors(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet")
    report = semantic_ids(path, tmp_path / "c.parquet", SemanticIdsOptions(codes=8, dimensions=2))
    assert report.dimensions == 2
    with pytest.raises(UsageError, match=r"--dimensions is 6, but the vectors of .* have 5 dimensions"):
        semantic_ids(path, tmp_path / "d.parquet", SemanticIdsOptions(codes=8, dimensions=6))


def with_value(at: int, value: float, kind: type = np.float32) -> Any:
    values: Any = VALUES.astype(kind)
    values[at, 2] = value
    return values


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no such file": (lambda path: path, "no such file"),
    "not Parquet": (lambda path: (path.write_text("x"), path)[1], "not a Parquet file"),
    "no ids": (lambda path: parquet(path, name="id"), "has no column item_id; its columns are: id, embedding"),
    "two vectors": (lambda path: parquet(path, more=[[1.0]] * 300), "and one column of lists of numbers"),
    "no vectors": (lambda path: parquet(path, values=["a"] * 300), "and one column of lists of numbers"),
    "NaN": (lambda path: parquet(path, values=with_value(7, float("nan"))), "row 8: the vector contains NaN"),
    "too large for 32 bits": (
        lambda path: parquet(path, values=with_value(7, 1e300, np.float64)), "or a number too large for 32 bits"
    ),
    "infinity": (lambda path: parquet(path, values=with_value(7, float("inf"))), "row 8: the vector contains NaN"),
    "twice": (lambda path: parquet(path, ids=["a", "b", *IDS[:297], "a"]), "1 ids occur more than once, such as 'a'"),
    "an id is empty": (lambda path: parquet(path, ids=["", *IDS[1:]]), "row 1: the id is empty"),
    "an id is missing": (lambda path: parquet(path, ids=[None, *IDS[1:]]), "1 rows have no item_id"),
    "unequal": (lambda path: parquet(path, values=[[1.0, 2.0]] * 299 + [[1.0]]), "row 300: the vector has 1 numbers"),
    "a vector is missing": (lambda path: parquet(path, values=[[1.0, 2.0]] * 299 + [None]), "row 300"),
    "a number is missing": (lambda path: parquet(path, values=[[1.0, None]] * 300), "missing value"),
    "empty": (lambda path: parquet(path, ids=pa.array([], pa.string()), values=[]), "one column of lists"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used(tmp_path: Path, name: str) -> None:
    made, message = BAD[name]
    with pytest.raises(DataError, match=message):
        semantic_ids(made(tmp_path / "a.parquet"), tmp_path / "c.parquet", OPTIONS)
    assert not (tmp_path / "c.parquet").exists()


def test_a_byte_order_mark_is_no_part_of_an_id(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    (tmp_path / "ids.txt").write_text("\ufeff" + "\r\n".join(IDS), encoding="utf-8", newline="")
    semantic_ids(tmp_path / "a.npy", tmp_path / "c.parquet", OPTIONS, ids=tmp_path / "ids.txt")
    assert pq.read_table(tmp_path / "c.parquet")["item_id"].to_pylist() == IDS


def test_a_matrix_needs_its_ids(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    with pytest.raises(UsageError, match="--ids is missing"):
        semantic_ids(tmp_path / "a.npy", tmp_path / "c.parquet", OPTIONS)
    (tmp_path / "few.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has 2 ids, but .* has 300 rows"):
        semantic_ids(tmp_path / "a.npy", tmp_path / "c.parquet", OPTIONS, ids=tmp_path / "few.txt")
    (tmp_path / "gap.txt").write_text("\n".join([*IDS[:7], "", *IDS[8:]]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"gap.txt, row 8: the id is empty"):
        semantic_ids(tmp_path / "a.npy", tmp_path / "c.parquet", OPTIONS, ids=tmp_path / "gap.txt")
    with pytest.raises(UsageError, match="--ids cannot be used"):
        semantic_ids(parquet(tmp_path / "a.parquet"), tmp_path / "c.parquet", OPTIONS, ids=tmp_path / "few.txt")
    np.save(tmp_path / "cube.npy", VALUES.reshape(300, 5, 1))
    with pytest.raises(DataError, match=r"an array of shape \(300, 5, 1\)"):
        semantic_ids(tmp_path / "cube.npy", tmp_path / "c.parquet", OPTIONS, ids=ids_file(tmp_path))
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(DataError, match="not a safetensors file"):
        semantic_ids(tmp_path / "bad.safetensors", tmp_path / "c.parquet", OPTIONS, ids=ids_file(tmp_path))
    with pytest.raises(DataError, match="has the type BF16"):
        semantic_ids(tensor(tmp_path / "b.safetensors", kind="BF16"), tmp_path / "c.parquet", ids=ids_file(tmp_path))


def test_an_output_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="already exists, and genpas does not overwrite it"):
        semantic_ids(path, path, OPTIONS, force=True)
    semantic_ids(path, tmp_path / "c.parquet", OPTIONS)
    with pytest.raises(UsageError, match="already exists"):
        semantic_ids(path, tmp_path / "c.parquet", OPTIONS)
    semantic_ids(path, tmp_path / "c.parquet", OPTIONS, force=True)


@pytest.mark.parametrize(("options", "message"), [
    ({"levels": 0}, "--levels is 0"), ({"codes": 1}, "--codes is 1"), ({"window": 0}, "--window is 0"),
    ({"sample": 0}, "--sample is 0"), ({"dimensions": 0}, "--dimensions is 0"),
    ({"levels": 8}, r"more than 2\^63 combinations"),
])  # fmt: skip
def test_numbers_that_are_out_of_range(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        semantic_ids(parquet(tmp_path / "a.parquet"), tmp_path / "c.parquet", SemanticIdsOptions(**options))


@pytest.mark.parametrize(("options", "message"), [
    ({"window": 5}, "--window can only be used with a store"),
    ({"unmatched": "drop"}, "--unmatched drop has no effect without --vocab"),
])  # fmt: skip
def test_options_without_an_effect_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        semantic_ids(parquet(tmp_path / "a.parquet"), tmp_path / "c.parquet", SemanticIdsOptions(**options))


@pytest.mark.parametrize(("output", "tip"), [("-", "-o codes.parquet"), ("my codes", "-o 'my codes.parquet'")])
def test_a_name_without_a_format_is_answered_with_one_that_works(tmp_path: Path, output: str, tip: str) -> None:
    with pytest.raises(UsageError, match="which selects the format") as raised:
        semantic_ids(parquet(tmp_path / "a.parquet"), output, OPTIONS)
    assert str(raised.value.tip).endswith(tip)


# ----------------------------------------------------------------------------------------------------------- vocabulary


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of the items 100 to 199, numbered backwards by the log."""
    root = tmp_path_factory.mktemp("vocabulary")
    items = [IDS[n] for n in range(199, 99, -1)]
    log = pa.table({"user_id": [n // 5 for n in range(100)], "item_id": items, "timestamp": list(range(100))})
    augment(log, root / "log.pairs")
    return root / "log.pairs"


def test_embeddings_of_items_that_the_vocabulary_lacks(tmp_path: Path, pairs: Path) -> None:
    embeddings = parquet(tmp_path / "a.parquet")
    with pytest.raises(
        DataError, match=r"200 of 300 embeddings of .* belong to no item of .*, such as 'item 0'"
    ) as raised:
        semantic_ids(embeddings, tmp_path / "c.parquet", OPTIONS, vocab=pairs)
    assert "--unmatched drop" in str(raised.value.tip)
    report = semantic_ids(embeddings, tmp_path / "c.parquet", codes=8, levels=2, unmatched="drop", vocab=pairs)
    assert (report.items, report.unmatched, report.without_vector) == (100, 200, 0)
    assert {row["item_id"] for row in codes(tmp_path / "c.parquet")} == set(IDS[100:200])


def test_left_out_embeddings_have_no_part_in_the_codes(tmp_path: Path, pairs: Path) -> None:
    some = parquet(tmp_path / "some.parquet", IDS[100:200], VALUES[100:200])
    dropped = SemanticIdsOptions(codes=8, levels=2, unmatched="drop")
    semantic_ids(parquet(tmp_path / "all.parquet"), tmp_path / "c.parquet", dropped, vocab=pairs)
    semantic_ids(some, tmp_path / "d.parquet", SemanticIdsOptions(codes=8, levels=2))
    assert codes(tmp_path / "c.parquet") == codes(tmp_path / "d.parquet")


def test_items_without_an_embedding_are_counted_and_named(tmp_path: Path, pairs: Path) -> None:
    some = parquet(tmp_path / "some.parquet", IDS[100:197], VALUES[100:197])
    report = semantic_ids(some, tmp_path / "c.npy", OPTIONS, vocab=pairs)
    assert report.without_vector == 3
    assert sorted(report.without_vector_named) == IDS[197:200]
    array = np.load(tmp_path / "c.npy")
    numbered = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    semantic_ids(some, tmp_path / "c.parquet", OPTIONS)
    expected = {row["item_id"]: row["codes"] for row in codes(tmp_path / "c.parquet")}
    assert array.tolist() == [expected.get(item, [-1] * array.shape[1]) for item in numbered]


def test_a_vocabulary_that_does_not_fit(tmp_path: Path, pairs: Path) -> None:
    other = parquet(tmp_path / "other.parquet", [f"x{n}" for n in range(300)])
    with pytest.raises(DataError, match=r"no embedding of .* belongs to an item of .*: the first embedding is of 'x0'"):
        semantic_ids(other, tmp_path / "c.parquet", codes=8, unmatched="drop", vocab=pairs)
    with pytest.raises(DataError, match="must be a pairs directory or a store"):
        semantic_ids(other, tmp_path / "c.parquet", codes=8, vocab=tmp_path)


@pytest.mark.parametrize("ending", [".json", ".npy", ".pt"])
def test_own_codes_are_overwritten_and_similar_files_of_others_are_not(tmp_path: Path, ending: str) -> None:
    source = parquet(tmp_path / "a.parquet")
    own, other = tmp_path / f"own{ending}", tmp_path / f"other{ending}"
    semantic_ids(source, own, OPTIONS)
    semantic_ids(source, own, OPTIONS, force=True)
    if ending == ".json":
        other.write_text('{"a": ["1", "2"]}', encoding="utf-8")
    elif ending == ".npy":
        np.save(other, np.ones((5, 2), np.int64))
    else:
        with other.open("wb") as out:
            np.savez(out, codes=np.ones((5, 2)))
    before = other.read_bytes()
    with pytest.raises(UsageError, match="it is no file of codes that genpas wrote"):
        semantic_ids(source, other, OPTIONS, force=True)
    assert other.read_bytes() == before
