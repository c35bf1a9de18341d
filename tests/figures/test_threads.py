"""`stats` and `tune` on several threads: the same figures to the last bit, within the memory limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import AugmentOptions, StatsOptions, TuneOptions, augment, ingest, stats, tune
from genpas_cli.figures.memory import LEAST_ROOM, THREAD_BYTES, figures_memory
from genpas_cli.figures.reports import store_passes
from genpas_cli.figures.reports.store_passes import room_beside_figures
from genpas_cli.runtime.errors import MachineError
from tests.support import larger_log


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("threads")
    ingest(larger_log(root / "log.parquet", 2000), root / "log.store")
    return root / "log.store"


def test_figures_do_not_depend_on_the_threads(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over some hundred runs of users, of which several are under way at a time."""
    monkeypatch.setattr(store_passes, "INTERACTIONS_A_RUN", 500)
    augment(store, tmp_path / "log.pairs", AugmentOptions(shard_rows=5000))
    found = {
        threads: json.dumps([
            stats(store, StatsOptions(threads=threads)).to_dict(),
            stats(tmp_path / "log.pairs", StatsOptions(threads=threads)).to_dict(),
            tune(store, TuneOptions(alpha="0:1:0.5", beta="0,1", gamma="-1,0,inf", threads=threads)).to_dict(),
        ])
        for threads in (1, 2, 5)
    }  # fmt: skip
    assert found[1] == found[2] == found[5]


@given(st.integers(1, 10**7), st.integers(1, 500), st.integers(0, 1 << 37))
def test_threads_take_a_quarter_of_the_room_at_most(items: int, strategies: int, memory: int) -> None:
    whole = memory - figures_memory(items, strategies, memory)
    try:
        room = room_beside_figures(items, strategies, memory)
    except MachineError:
        assert whole < LEAST_ROOM
        return
    assert room.threads >= 1
    assert room.bytes + (room.threads - 1) * THREAD_BYTES == whole
    assert room.bytes >= 0.75 * whole
