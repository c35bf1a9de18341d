"""The main job on real logs: pair counts as published, ties as measured, and no row unaccounted for."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest, verify

DATA = Path(os.environ.get("GENPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real logs here: set GENPAS_DATA")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stores")
    for name, file in (("beauty", "amazon-beauty/Beauty.txt"), ("toys", "amazon-toys/Toys_and_Games.txt")):
        ingest(DATA / file, root / f"{name}.store")
    return root


@pytest.mark.parametrize(
    ("log", "strategy", "pairs"),
    [
        ("beauty", "last-target", 22_363),
        ("beauty", "multi-target", 131_413),
        ("beauty", "slide-window", 1_197_012),
        ("toys", "last-target", 19_412),
        ("toys", "multi-target", 109_361),
        ("toys", "slide-window", 1_065_189),
    ],
)
def test_enumerated_strategies_give_the_published_number_of_pairs(
    stores: Path, tmp_path: Path, log: str, strategy: str, pairs: int
) -> None:
    report = augment(stores / f"{log}.store", tmp_path / "out", AugmentOptions(strategy=strategy))
    assert report.pairs["train"] == pairs
    verified = verify(tmp_path / "out", store=stores / f"{log}.store")
    assert verified.rows == sum(report.pairs.values())


def test_the_default_draws_as_many_pairs_as_multi_target_has(stores: Path, tmp_path: Path) -> None:
    assert augment(stores / "beauty.store", tmp_path / "out").pairs == {
        "train": 131_413, "validation": 22_363, "test": 22_363,
    }  # fmt: skip


def test_beautys_held_out_items_are_decided_by_ties(tmp_path: Path) -> None:
    options = IngestOptions(user="1", item="2", time="3")
    ties = ingest(DATA / "amazon-beauty/beauty.log.tsv.gz", tmp_path / "store", options).ties
    assert ties == pytest.approx(
        {"tied_events": 0.5753, "tied_test": 0.4346, "tied_validation": 0.4768, "tied_either": 0.6421}, abs=5e-5
    )


def test_every_row_of_a_shop_log_is_accounted_for(tmp_path: Path) -> None:
    options = IngestOptions(dedup="exact", where="Quantity > 0")
    log = DATA / "online-retail-ii/online_retail_2009-2010.csv.gz"
    funnel = ingest(log, tmp_path / "store", options).funnel
    assert [(step["step"], step["dropped"]) for step in funnel[:2]] == [
        ("read", 0),
        ("missing user or item id", 107_927),
    ]
    assert funnel[0]["kept"] == 525_461
    for before, step in pairwise(funnel):
        assert before["kept"] - step["dropped"] == step["kept"]
