"""Training that is killed or interrupted goes on to the result of one that was not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support import Genpas, snapshot

pytestmark = pytest.mark.slow

OPTIONS = (
    "--dim", "16", "--steps", "60", "--round-steps", "10", "--batch-size", "32", "--threads", "1", "--device", "cpu"
)  # fmt: skip


def result(model: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the metrics that do not depend on speed, and the digests of the other files."""
    metrics = json.loads((model / "metrics.json").read_text())
    del metrics["run"]
    return metrics, {name: digest for name, digest in snapshot(model).items() if name != "metrics.json"}


def stopped(running: subprocess.Popen[bytes], number: signal.Signals, rounds: int, seconds: float) -> bytes:
    """Send a signal some time after it has said so many rounds; return what it said."""
    assert running.stderr is not None
    said = b""
    while said.count(b"step ") < rounds and (line := running.stderr.readline()):
        said += line
    time.sleep(seconds)
    running.send_signal(number)
    out, more = running.communicate(timeout=60)
    del out
    return said + more


@pytest.mark.parametrize("model", ["sasrec", "tiger"])
def test_killed_at_random_moments_and_resumed(genpas: Genpas, pairs: Path, tmp_path: Path, model: str) -> None:
    options: tuple[str, ...] = OPTIONS
    if model == "tiger":
        items = pq.read_metadata(pairs / "items.parquet").num_rows
        np.save(tmp_path / "codes.npy", np.random.default_rng(0).integers(0, 6, (items, 3)))
        options = (*OPTIONS, "--model", "tiger", "--semantic-ids", str(tmp_path / "codes.npy"))
    assert genpas("train", pairs, *options, "-o", "whole.model").returncode == 0
    expected, rng = result(genpas.cwd / "whole.model"), random.Random(3)
    kills = 0
    for rounds in (1, 2, 3, 4, 5, 6):
        running = genpas.start("train", pairs, *options, "-o", "a.model", "--force")
        stopped(running, signal.SIGKILL, rounds, rng.random() * 0.1)
        kills += running.returncode == -signal.SIGKILL
        assert (genpas.cwd / "a.model").exists() == (running.returncode == 0)
        done = genpas("train", pairs, *options, "-o", "a.model", "--resume") if running.returncode else None
        assert done is None or done.returncode == 0, done.stderr
        # Files of PyTorch hold the name of the place they were written to; what is in them is compared by its digests.
        assert result(genpas.cwd / "a.model") == expected
        assert {path.name for path in genpas.cwd.iterdir()} == {"whole.model", "a.model"}
        for path in sorted((genpas.cwd / "a.model").iterdir()):
            path.unlink()
        (genpas.cwd / "a.model").rmdir()
    assert kills >= 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on(genpas: Genpas, pairs: Path, number: signal.Signals) -> None:
    running = genpas.start("train", pairs, *OPTIONS, "--steps", "100000", "--patience", "10000", "-o", "a.model")
    said = stopped(running, number, 2, 0.01).decode()
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert said.endswith(
        "error: interrupted; finished work is kept in .a.model.genpas-part\n"
        "To continue, run the same command with --resume\n"
    )
    assert [path.name for path in genpas.cwd.iterdir()] == [".a.model.genpas-part"]
