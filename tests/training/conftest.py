"""Pairs of the sample log, to train on; PyTorch on one thread, as two test processes share a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genpas_cli import AugmentOptions, augment, ingest
from tests.training.runs import SAMPLE


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with sample.store, and pairs of it: sample.pairs and few.pairs (3 epochs each), short.pairs."""
    root = tmp_path_factory.mktemp("training")
    ingest(SAMPLE, root / "sample.store")
    augment(root / "sample.store", root / "sample.pairs", AugmentOptions(epochs=3, max_input="20"))
    augment(root / "sample.store", root / "few.pairs", AugmentOptions(pairs="2000", epochs=3, max_input="20"))
    augment(root / "sample.store", root / "short.pairs", AugmentOptions(pairs="700", max_input="8"))
    return root


@pytest.fixture(scope="session")
def pairs(root: Path) -> Path:
    """Three drawn epochs of the sample log's pairs."""
    return root / "sample.pairs"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
