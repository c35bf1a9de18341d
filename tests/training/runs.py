"""What the tests of runs share: a log, a way to stop a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genpas_cli import TrainReport
from genpas_cli.training.evaluation.ranking import TargetRanks, metrics_by_pair
from genpas_cli.training.runs.checkpoint import load_model
from genpas_cli.training.runs.loop import Round
from tests.support import ROOT, shards

SAMPLE = ROOT / "sample_data" / "logs.parquet"


class Stop(BaseException):
    """Stands for a kill."""


def stopped_after(step: int) -> Callable[[Round], None]:
    """Return an observer that stops a run after this step."""

    def observe(each: Round) -> None:
        if each.step == step:
            raise Stop

    return observe


def lasting(report: TrainReport) -> dict[str, Any]:
    """Return what does not depend on the machine's speed."""
    return {key: value for key, value in report.metrics.items() if key != "run"}


def weights(report: TrainReport) -> dict[str, torch.Tensor]:
    return load_model(Path(report.output, "model.pt")).state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def popularity(pairs: Path) -> dict[str, float]:
    """Return the accuracy of ranking items by how often they are a training target."""
    items = json.loads((pairs / "manifest.json").read_text())["items"]
    first = "epoch-000/train" if (pairs / "data" / "epoch-000").is_dir() else "train"
    table, test = shards(pairs, first), shards(pairs, "test")
    counts = np.bincount(table["target_item"].to_numpy(), minlength=items + 1)[1:]
    own = counts[test["target_item"].to_numpy() - 1]
    places = TargetRanks((counts > own[:, None]).sum(1), (counts == own[:, None]).sum(1))
    return {name: float(values.mean()) for name, values in metrics_by_pair(places, items).items()}
