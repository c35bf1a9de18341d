"""Standard streams that are closed, full or pipes: what a shell does with them changes no outcome."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support import Genpas, refused

DATA, MACHINE = 1, 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("augment", "log.store", "-o", "-", "--pairs", "200000"),
        ("augment", "log.store", "-o", "-", "--ids", "raw", "--pairs", "200000"),
        ("augment", "log.store", "--json", "-o", "out.pairs"),
        ("augment", "log.store", "--dry-run"),
        ("ingest", "log.csv", "-o", "out.store", "--json"),
        ("verify", "log.pairs", "--json"),
        ("--help",),
        ("augment", "--help"),
        ("--version",),
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_error(genpas: Genpas, made: Path, arguments: tuple[str, ...]) -> None:
    for name in ("log.csv", "log.store"):
        shutil.copy(made / name, genpas.cwd / name)
    shutil.copytree(made / "log.pairs", genpas.cwd / "log.pairs")
    running = genpas.start(*arguments)
    assert running.stdout is not None
    if "-" in arguments:
        assert running.stdout.read(1)
    running.stdout.close()
    running.stdout = None
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr
    assert b"rror" not in stderr
    assert b"Exception" not in stderr
    assert list(genpas.temp_dir.iterdir()) == []


def test_a_stdout_that_was_closed_by_the_shell(genpas: Genpas, made: Path) -> None:
    """`genpas ... >&-`: Python then has no sys.stdout at all."""
    shell = f'exec "{sys.executable}" -m genpas_cli "$@" >&-'
    closed = Genpas(genpas.cwd, genpas.temp_dir, ("sh", "-c", shell, "sh"))
    done = closed("augment", made / "log.store", "-o", "out.pairs")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    done = closed("verify", "out.pairs", "--json")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    done = closed("augment", made / "log.store", "-o", "-")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_a_stderr_whose_reader_goes_away_does_not_change_the_outcome(genpas: Genpas, made: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    good = genpas.start("augment", made / "log.store", "-o", "out.pairs", stderr=write)
    bad = genpas.start("augment", "nosuch.csv", "-o", "other.pairs", stderr=write)
    os.close(write)
    assert (good.wait(60), bad.wait(60)) == (0, DATA)
    for process in (good, bad):
        process.communicate()


def test_a_full_disk_behind_stdout(genpas: Genpas, made: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for arguments in (("verify", made / "log.pairs", "--json"), ("augment", made / "log.store", "-o", "-")):
        with Path("/dev/full").open("wb") as full:
            running = genpas.start(*arguments, stdout=full)
            _, stderr = running.communicate(timeout=60)
        done = subprocess.CompletedProcess(running.args, running.returncode, "", stderr.decode())
        refused(done, MACHINE, "no space left")


def test_a_pipe_as_the_log_is_read_once(genpas: Genpas, log: Path) -> None:
    fifo = genpas.cwd / "pipe"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(log.read_bytes()))
    writer.start()
    assert genpas.json("ingest", "pipe", "-o", "out.store", "--json")["users"] == 40
    writer.join()
