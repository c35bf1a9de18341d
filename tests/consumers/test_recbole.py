"""RecBole trains on the pairs of the shards: no more, no fewer, in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genpas_cli import export, ingest
from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, Pair, exported, rows_of, with_ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def as_recbole_names_it(row: Pair, user: str) -> Pair:
    """Return a pair by RecBole's fields; what it knows by name are tokens, which are texts."""
    named: Pair = {
        "user_id": str(row[user]),
        "item_id_list": [str(item) for item in row["input_items"]],
        "item_id": str(row["target_item"]),
        "item_length": len(row["input_items"]),
    }
    for name in ("rating", "timestamp"):
        if f"target_{name}" in row:
            named |= {f"{name}_list": row[f"input_{name}"], name: row[f"target_{name}"]}
    return named


@pytest.mark.parametrize("ids", ["num", "raw"])
def test_pairs(shop: Path, recbole: Environment, tmp_path: Path, ids: str) -> None:
    pairs = shop / "plain.pairs"
    exported(pairs, tmp_path / "shop", "recbole", ids=ids)
    found = recbole.read("read_recbole.py", tmp_path, "shop")
    user, rows = ("user_id", with_ids) if ids == "raw" else ("user_num", rows_of)
    for split in SPLITS:
        assert found["splits"][split] == [as_recbole_names_it(row, user) for row in rows(pairs, split)]


def test_kept_columns_are_numbers(shop: Path, recbole: Environment, tmp_path: Path) -> None:
    pairs = shop / "kept.pairs"
    exported(pairs, tmp_path / "shop", "recbole")
    found = recbole.read("read_recbole.py", tmp_path, "shop")
    assert {name: found["kinds"][name] for name in ("rating_list", "rating", "timestamp_list", "timestamp")} == {
        "rating_list": "float_seq", "rating": "float", "timestamp_list": "float_seq", "timestamp": "float",
    }  # fmt: skip
    for split in SPLITS:
        expected = [as_recbole_names_it(row, "user_num") for row in rows_of(pairs, split)]
        for row in expected:
            # RecBole has floats of 32 bits, in which a time of today is exact to about two minutes.
            for name in ("rating", "timestamp"):
                row[name] = float(np.float32(row[name]))
                row[f"{name}_list"] = np.float32(row[f"{name}_list"]).tolist()
        assert found["splits"][split] == expected


def test_values_that_are_missing_move_no_others(shop: Path, recbole: Environment, tmp_path: Path) -> None:
    """RecBole itself puts the mean in place of a target's."""
    pairs = shop / "gaps.pairs"
    exported(pairs, tmp_path / "shop", "recbole")
    found = recbole.read("read_recbole.py", tmp_path, "shop")
    for split in SPLITS:
        expected = [row["input_dwell"] for row in rows_of(pairs, split)]
        assert any(None in row for row in expected)
        assert [[None if x != x else x for x in row["dwell_list"]] for row in found["splits"][split]] == expected  # noqa: PLR0124  # NaN


def rows_of_part(path: Path) -> list[list[str | float]]:
    """Return the rows of a file of a split; RecBole has floats of 32 bits."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]
    return [[user, item, float(np.float32(time))] for user, item, time in rows]


def test_the_rows_of_a_split(shop: Path, recbole: Environment, tmp_path: Path) -> None:
    export(shop / "log.store", tmp_path / "rows", to="splits", file_type="inter", columns="user_id,item_id,timestamp")
    found = recbole.read("read_recbole_rows.py", tmp_path, "rows")
    parts = ("train", "validation_target", "test_target")
    assert found == [rows_of_part(tmp_path / f"rows/rows.{part}.inter") for part in parts]
    assert all(found)


def test_the_rows_of_a_store_without_a_split(shop: Path, recbole: Environment, tmp_path: Path) -> None:
    ingest(shop / "log.csv", tmp_path / "whole.store", split="none")
    export(tmp_path / "whole.store", tmp_path / "whole", to="splits", file_type="inter")
    found = recbole.read("read_recbole_rows.py", tmp_path, "whole")
    assert sorted(row for part in found for row in part) == sorted(rows_of_part(tmp_path / "whole/whole.inter"))
    assert all(found)
