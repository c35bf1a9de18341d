"""Damaged inputs of every kind end with one message and a documented exit code; `fuzz.py` runs more, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import fuzz
from tests.faults.originals import make_originals

CASES = 300


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with sound files of every kind."""
    root = tmp_path_factory.mktemp("originals")
    make_originals(root)
    return root


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_damaged_inputs(originals: Path) -> None:
    """Always the same cases, as many as a machine with two cores does in about a minute."""
    tally = fuzz.fuzz(iter(range(CASES)), seed=0, originals=originals)
    assert tally.failures == []
    assert tally.cases.total() == CASES
    assert tally.codes[0] > 0
    assert tally.codes[1] > 0
    assert tally.codes[4] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_every_kind_of_file(originals: Path, kind: str) -> None:
    tally = fuzz.fuzz(iter(range(8)), seed=1, only=kind, originals=originals)
    assert tally.failures == []
