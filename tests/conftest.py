"""Fixtures of the tests that run the command: a place to run it in, and what it made of a small log."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import Genpas, InProcess, small_log

# A busy machine must not fail a test by its deadline: how long something takes is for the benchmarks.
settings.register_profile("genpas", deadline=None, max_examples=60)
settings.load_profile("genpas")

# PyTorch's threads wait by spinning unless told otherwise, which takes the processor from tests that run at the same
# time. This must be set before the first import of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_collection_finish() -> None:
    """Drop variables that set options, and keep the garbage collector from searching what the imports have left.

    The modules have read those that are for the tests, such as GENPAS_DATA, which genpas would note as unknown.
    """
    for variable in [each for each in os.environ if each.startswith("GENPAS_")]:
        del os.environ[variable]
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let children be interrupted: one that a shell has started with `&` ignores Ctrl-C, and so would they."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL,
    }  # fmt: skip
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
    run = InProcess(root, tmp_path_factory.mktemp("made-tmp"))
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
