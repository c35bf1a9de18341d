"""`train` and `compare` on a CUDA GPU; on a machine without one, every test here is skipped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from genpas_cli import CompareOptions, TrainOptions, compare, semantic_ids, train
from genpas_cli.loaders.pair_shards import PairsDirectory
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.training.evaluation.accuracy import ranked
from genpas_cli.training.runs.checkpoint import load_model
from tests.training.runs import Stop, popularity, stopped_after

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")

MODELS = ["sasrec", "tiger"]


@pytest.fixture(scope="module")
def codes(root: Path) -> Path:
    """The codes of the sample log's items."""
    semantic_ids(root / "sample.store", root / "gpu-codes.parquet", SemanticIdsOptions(levels=2, codes=32))
    return root / "gpu-codes.parquet"


def options(model: Literal["sasrec", "tiger"], codes: Path, **changes: Any) -> TrainOptions:
    """Return options for a small model on the GPU."""
    small = TrainOptions(
        model=model, dim=64, layers=1, heads=2, steps=600, round_steps=200, batch_size=128, lr=0.003, patience=9,
        device="cuda",
    )  # fmt: skip
    if model == "tiger":
        small = replace(small, semantic_ids=str(codes), missing_codes="drop")
    return replace(small, **changes)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", MODELS)
def test_it_beats_popularity(
    pairs: Path, codes: Path, tmp_path: Path, model: Literal["sasrec", "tiger"], precision: str
) -> None:
    metrics = train(pairs, tmp_path / "m", options(model, codes, precision=precision)).metrics
    assert metrics["run"]["device"] == "cuda"
    assert metrics["test"]["recall@20"]["low"] > 1.2 * popularity(pairs)["recall@20"]


@pytest.mark.parametrize("model", MODELS)
def test_the_gpu_ranks_as_the_cpu_does(
    pairs: Path, codes: Path, tmp_path: Path, model: Literal["sasrec", "tiger"]
) -> None:
    """Sums of a GPU are rounded in another order: few targets may move, and not far."""
    train(pairs, tmp_path / "m", options(model, codes, steps=200))
    trained = load_model(tmp_path / "m" / "model.pt")
    source = PairsDirectory(pairs)
    here = ranked(trained, source, "test", filter_seen=False)
    there = ranked(trained.to("cuda"), source, "test", filter_seen=False)
    assert (here.user == there.user).all()
    assert (here.target == there.target).all()
    moved = np.abs(here.places.above - there.places.above)
    assert (moved > 0).mean() < 0.05
    assert abs(here.means(trained.items)["ndcg@10"] - there.means(trained.items)["ndcg@10"]) < 0.002


@pytest.mark.parametrize("model", MODELS)
def test_a_stopped_run_goes_on(pairs: Path, codes: Path, tmp_path: Path, model: Literal["sasrec", "tiger"]) -> None:
    """The state of the GPU's random numbers is restored too; atomic sums of a GPU allow small differences."""
    whole = train(pairs, tmp_path / "whole", options(model, codes)).metrics
    with pytest.raises(Stop):
        train(pairs, tmp_path / "part", options(model, codes), observe=stopped_after(200))
    resumed = train(pairs, tmp_path / "part", options(model, codes), resume=True)
    assert resumed.resumed == 200
    for mine, other in zip(resumed.metrics["training"]["rounds"], whole["training"]["rounds"], strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=0.01)


def test_compare(root: Path, tmp_path: Path) -> None:
    settings = CompareOptions(
        strategy=("last-target", "1,0,0"), seeds=2, steps=200, round_steps=100, dim=32, layers=1, device="cuda"
    )
    compare(root / "sample.store", tmp_path / "c", settings)
    runs = [json.loads(path.read_text())["run"] for path in (tmp_path / "c").rglob("metrics.json")]
    assert [run["device"] for run in runs] == ["cuda"] * 4
