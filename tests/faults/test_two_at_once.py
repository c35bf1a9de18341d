"""Two genpas that want the same place."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from tests.support import Genpas, refused, snapshot


def wait_for(path: Path) -> None:
    """Wait until a path exists."""
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.002)


def test_a_second_ingest_of_the_same_store_is_refused(genpas: Genpas, log: Path) -> None:
    first = genpas.start("ingest", "-", "-o", "out.store", stdin=subprocess.PIPE)
    wait_for(genpas.cwd / ".out.store.genpas-lock")
    time.sleep(0.1)
    for options in ((), ("--force",)):
        refused(genpas("ingest", log, "-o", "out.store", *options), 2, "another genpas", "out.store", "-o")
    _, stderr = first.communicate(log.read_bytes(), timeout=60)
    assert first.returncode == 0, stderr
    assert [path.name for path in genpas.cwd.iterdir()] == ["out.store"]
    assert snapshot(genpas.temp_dir) == {}


def test_a_second_augment_of_the_same_directory_is_refused(genpas: Genpas, store: Path) -> None:
    first = genpas.start("augment", store, "-o", "out.pairs", "--pairs", "500000")
    wait_for(genpas.cwd / ".out.pairs.genpas-part")
    first.send_signal(signal.SIGSTOP)
    try:
        for options in ((), ("--force",)):
            refused(genpas("augment", store, "-o", "out.pairs", *options), 2, "another genpas", "out.pairs", "-o")
    finally:
        first.send_signal(signal.SIGCONT)
    _, stderr = first.communicate(timeout=60)
    assert first.returncode == 0, stderr
    assert genpas("verify", "out.pairs", "--store", store).returncode == 0
    assert [path.name for path in genpas.cwd.iterdir()] == ["out.pairs"]
    assert snapshot(genpas.temp_dir) == {}


def test_many_at_once_leave_one_whole_output(genpas: Genpas, store: Path) -> None:
    running = [genpas.start("augment", store, "-o", "out.pairs", "--force", "--seed", str(n)) for n in range(4)]
    for process in running:
        process.communicate(timeout=60)
    codes = {process.returncode for process in running}
    assert 0 in codes
    assert codes <= {0, 2}
    assert genpas("verify", "out.pairs", "--store", store).returncode == 0
    assert [path.name for path in genpas.cwd.iterdir()] == ["out.pairs"]
    assert snapshot(genpas.temp_dir) == {}


def test_a_run_takes_no_temporary_directory_of_another(genpas: Genpas, log: Path) -> None:
    first = genpas.start("ingest", "-", "-o", "a.store", stdin=subprocess.PIPE)
    wait_for(genpas.cwd / ".a.store.genpas-lock")
    time.sleep(0.1)
    before = set(genpas.temp_dir.iterdir())
    dead = genpas.temp_dir / "genpas-scratch-dead"
    dead.mkdir()
    assert genpas("ingest", log, "-o", "b.store").returncode == 0
    assert set(genpas.temp_dir.iterdir()) == before, "what a killed run left is litter, what lives is not"
    _, stderr = first.communicate(log.read_bytes(), timeout=60)
    assert first.returncode == 0, stderr
    assert snapshot(genpas.temp_dir) == {}
