"""A single bit that flips in anything that genpas wrote is noticed, or changes nothing that anybody reads."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, ExportOptions, augment, export, merge, verify
from genpas_cli.runtime.errors import GenpasError
from tests.support import snapshot


def flipped(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    bit = rng.randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def exported(pairs: Path, scratch: Path) -> dict[str, str]:
    """Return what a reader of the pairs gets, and check them."""
    shutil.rmtree(scratch, ignore_errors=True)
    export(pairs, scratch, ExportOptions(to="jsonl", ids="raw"))
    verify(pairs)
    return {name: found for name, found in snapshot(scratch).items() if name != "export.json"}


def augmented(store: Path, scratch: Path) -> dict[str, str]:
    """Return the pairs that a store gives."""
    shutil.rmtree(scratch, ignore_errors=True)
    augment(store, scratch, AugmentOptions(pairs="200", threads=1))
    return {name: found for name, found in snapshot(scratch).items() if name not in ("manifest.json", "README.md")}


def merged(part: Path, scratch: Path) -> dict[str, str]:
    """Return what a part is merged into."""
    shutil.rmtree(scratch, ignore_errors=True)
    merge([part], scratch)
    return {name: found for name, found in snapshot(scratch).items() if name != "manifest.json"}


Use = Callable[[Path, Path], dict[str, str]]

KINDS: dict[str, tuple[str, str, Use]] = {
    "shard": ("log.pairs", "data/train-00000-of-00001.parquet", exported),
    "manifest": ("log.pairs", "manifest.json", exported),
    "card": ("log.pairs", "README.md", exported),
    "vocabulary": ("log.pairs", "items.parquet", exported),
    "store": ("log.store", "", augmented),
    "part": ("log.pairs.part-1-of-1", "part.json", merged),
    "shard of a part": ("log.pairs.part-1-of-1", "data/train-00000-of-00001.parquet", merged),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flips", [15, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_no_flipped_bit_passes_for_other_content(made: Path, tmp_path: Path, kind: str, flips: int) -> None:
    name, inside, use = KINDS[kind]
    augment(made / "log.store", tmp_path / "log.pairs", part="1/1")
    source = made / name if (made / name).exists() else tmp_path / name
    before = use(source, tmp_path / "whole")
    rng, copy = random.Random(f"{kind} {flips}"), tmp_path / "copy"
    noticed = 0
    for _ in range(flips):
        shutil.rmtree(copy, ignore_errors=True)
        copy.unlink(missing_ok=True) if copy.is_file() else None
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        flipped(copy / inside if inside else copy, rng)
        try:
            found = use(copy, tmp_path / "out")
        except GenpasError:
            noticed += 1
        else:
            assert found == before
    assert noticed > 0


def test_a_flipped_bit_of_the_settings_is_of_another_manifest(made: Path, tmp_path: Path) -> None:
    """What is told of the run is no part of the content: it may be changed."""
    shutil.copytree(made / "log.pairs", tmp_path / "log.pairs")
    manifest = tmp_path / "log.pairs" / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["run"]["host"] = {}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    assert verify(tmp_path / "log.pairs").rows > 0
