"""Damaged inputs of every kind end with one message and a documented exit code; `fuzz.py` runs more, by hand."""

from __future__ import annotations

import pytest

from tests.faults import fuzz

SECONDS = 90


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_damaged_inputs() -> None:
    """As many as a machine does in 90 s, always the same ones first."""
    tally = fuzz.fuzz(iter(range(100_000)), seed=0, seconds=SECONDS, only=None, keep=None)
    assert tally.failures == []
    assert tally.cases.total() > 50
    assert tally.codes[0] > 0
    assert tally.codes[1] > 0
    assert tally.codes[4] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_every_kind_of_file(kind: str) -> None:
    tally = fuzz.fuzz(iter(range(8)), seed=1, seconds=SECONDS, only=kind, keep=None)
    assert tally.failures == []
