"""Fixtures of the tests that run the command: a place to run it in, and what it made of a small log."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support import Genpas, InProcess, small_log

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores SIGINT for what it runs in the background, and the commands that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def genpas(tmp_path: Path) -> Genpas:
    """The command, in an empty directory and with an empty temporary directory."""
    cwd, temp_dir = tmp_path / "cwd", tmp_path / "tmp"
    cwd.mkdir()
    temp_dir.mkdir()
    return Genpas(cwd, temp_dir)


@pytest.fixture
def inside(genpas: Genpas) -> InProcess:
    """The command as `genpas` runs it, but in this process."""
    return InProcess(genpas.cwd, genpas.temp_dir)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with log.csv, log.store and log.pairs; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    (root / "log.csv").write_text(small_log(), encoding="utf-8")
    run = Genpas(root, tmp_path_factory.mktemp("made-tmp"))
    for arguments in (("ingest", "log.csv", "-o", "log.store"), ("augment", "log.store", "-o", "log.pairs")):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def log(made: Path) -> Path:
    """A small log as CSV."""
    return made / "log.csv"


@pytest.fixture(scope="session")
def store(made: Path) -> Path:
    """The store of that log."""
    return made / "log.store"


@pytest.fixture(scope="session")
def pairs(made: Path) -> Path:
    """The pairs directory of that store."""
    return made / "log.pairs"
