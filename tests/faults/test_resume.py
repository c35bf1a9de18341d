"""`augment` that is killed or interrupted goes on, shard by shard, to the bytes of a run that was not."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from genpas_cli.pairs.shards import FinishedShards
from genpas_cli.runtime.atomic_output import unfinished
from tests.support import Genpas, fill, identity, refused, snapshot, tmpfs

pytestmark = pytest.mark.slow

COMMAND = ("-o", "out.pairs", "--pairs", "2000000", "--shard-rows", "100000", "--threads", "2")


@pytest.fixture(scope="module")
def whole(large_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run makes that nothing disturbs."""
    root = tmp_path_factory.mktemp("whole")
    run = Genpas(root, tmp_path_factory.mktemp("whole-tmp"))
    done = run("augment", large_store, *COMMAND)
    assert done.returncode == 0, done.stderr
    return identity(root / "out.pairs")


def stopped(running: subprocess.Popen[bytes], output: Path, number: signal.Signals, shards: int) -> str:
    """Send a signal once so many shards are finished; return what was said."""
    while running.poll() is None and len(FinishedShards(unfinished(output)).files) < shards:
        time.sleep(0.002)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    return said.decode()


def test_killed_again_and_again_it_ends_with_the_same_bytes(
    genpas: Genpas, large_store: Path, whole: dict[str, str]
) -> None:
    """The first run does not know that it will be resumed: what a kill leaves is enough."""
    output, rng, resume = genpas.cwd / "out.pairs", random.Random(5), list[str]()
    finished = 0
    for _ in range(4):
        running = genpas.start("augment", large_store, *COMMAND, *resume)
        stopped(running, output, signal.SIGKILL, finished + rng.randint(1, 4))
        assert running.returncode == -signal.SIGKILL
        assert not output.exists()
        now = len(FinishedShards(unfinished(output)).files)
        assert now > finished
        finished, resume = now, ["--resume"]
    report = genpas.json("augment", large_store, *COMMAND, "--resume", "--json")
    assert report["resumed"] == finished
    assert identity(output) == whole
    assert [path.name for path in genpas.cwd.iterdir()] == ["out.pairs"]
    assert snapshot(genpas.temp_dir) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on(
    genpas: Genpas, large_store: Path, whole: dict[str, str], number: signal.Signals
) -> None:
    output = genpas.cwd / "out.pairs"
    running = genpas.start("augment", large_store, *COMMAND, "--resume")
    said = stopped(running, output, number, 3)
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert said == (
        "error: interrupted; finished work is kept in .out.pairs.genpas-part\n"
        "To continue, run the same command with --resume\n"
    )
    assert genpas.json("augment", large_store, *COMMAND, "--resume", "--json")["resumed"] >= 3
    assert identity(output) == whole


def test_a_disk_that_was_full_and_has_space_again(
    genpas: Genpas, large_store: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    with tmpfs(tmp_path / "disk", "400m") as disk:
        output = disk / "out.pairs"
        command = ("augment", large_store, *COMMAND, "-o", output, "--resume")
        running = genpas.start(*command)
        while running.poll() is None and len(FinishedShards(unfinished(output)).files) < 3:
            time.sleep(0.002)
        fill(disk)
        stdout, stderr = (stream.decode() for stream in running.communicate(timeout=60))
        done = subprocess.CompletedProcess(command, running.returncode, stdout, stderr)
        refused(done, 3, "no space left")
        assert not output.exists()
        (disk / "filler").unlink()
        assert genpas.json(*command, "--json")["resumed"] >= 3
        assert identity(output) == whole
