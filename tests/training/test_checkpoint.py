"""A checkpoint is read as it was written, or not at all."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from genpas_cli import IntegrityError
from genpas_cli.training.runs import checkpoint


def content() -> dict[str, Any]:
    """Return everything that a run saves, small."""
    generator = torch.Generator().manual_seed(1)
    weights = {
        f"w{n}": torch.randn(5, 7, generator=generator, dtype=kind)
        for n, kind in enumerate((torch.float32, torch.float64, torch.bfloat16))
    }
    return {
        "model": weights, "scalar": torch.tensor(3.5), "empty": torch.empty(0, 4), "step": 17, "loss": 0.25,
        "truth": torch.tensor([True, False]), "rng": generator.get_state(),
        "rounds": [{"step": 1, "best": None}, (1, 2)],
    }  # fmt: skip


def same(one: Any, two: Any) -> bool:
    """Tell whether two contents are the same, bit by bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return isinstance(two, dict) and list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", content())
    assert same(checkpoint.load(tmp_path / "a.pt"), content())


@pytest.mark.parametrize("flips", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path, flips: int) -> None:
    path, rng, noticed = tmp_path / "a.pt", random.Random(flips), 0
    checkpoint.save(path, content())
    whole = path.read_bytes()
    for _ in range(flips):
        damaged, bit = bytearray(whole), rng.randrange(len(whole) * 8)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert same(checkpoint.load(path), content())
        except IntegrityError:
            noticed += 1
    assert noticed > flips // 10


def test_every_value_counts(tmp_path: Path) -> None:
    """Of each tensor one bit, in the very bytes that PyTorch wrote for it."""
    path = tmp_path / "a.pt"
    for tensor in content()["model"].values():
        checkpoint.save(path, content())
        data = bytes(tensor.reshape(-1).view(torch.uint8).numpy())
        whole = path.read_bytes()
        at = whole.index(data)
        path.write_bytes(whole[:at] + bytes([data[0] ^ 1]) + whole[at + 1 :])
        with pytest.raises(IntegrityError, match="is damaged"):
            checkpoint.load(path)
