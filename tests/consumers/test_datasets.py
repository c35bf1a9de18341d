"""Hugging Face datasets loads a pairs directory as it is, by its name: three splits, pair by pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, augment
from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("way", [(), ("streaming",)], ids=["loaded", "streamed"])
@pytest.mark.parametrize("name", ["plain", "kept", "gaps", "epochs"])
def test_pairs(shop: Path, datasets: Environment, name: str, way: tuple[str, ...]) -> None:
    pairs = shop / f"{name}.pairs"
    found = datasets.read("read_datasets.py", shop, pairs.name, *way)
    assert found == {split: rows_of(pairs, split) for split in SPLITS}


def test_another_directory_of_the_same_name_has_its_own_pairs(
    shop: Path, datasets: Environment, tmp_path: Path
) -> None:
    """They differ in nothing that `datasets` looks at before it takes the pairs out of its cache, but one line."""
    for seed in (1, 2):
        pairs = tmp_path / str(seed) / "log.pairs"
        pairs.parent.mkdir()
        augment(shop / "log.store", pairs, AugmentOptions(seed=seed))
        assert datasets.read("read_datasets.py", pairs.parent, pairs.name)["train"] == rows_of(pairs, "train")
