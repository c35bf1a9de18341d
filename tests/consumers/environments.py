"""The environments of other people's software: one a requirements file beside this, built once in a session.

What consumes our files has dependencies that clash with each other and with ours, so none of it is imported here. A
script beside this, `read_<what>.py`, runs in the environment, reads files as their users do and prints what it read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BUILDING = 600
"""Seconds that the building of all environments may take."""

_NO_NETWORK = ("after connection broken by", "Temporary failure in name resolution", "Network is unreachable")


class NoNetworkError(Exception):
    """Packages could not be fetched."""


class Environment:
    """A virtual environment.

    Args:
        python: its interpreter.
        home: directory for what libraries write to the user's home; no cache of this machine has a part in a test.
    """

    def __init__(self, python: Path, home: Path) -> None:
        self._python, self._home = python, home

    def run(self, cwd: Path, *arguments: str | Path) -> str:
        """Run Python with arguments and return what it prints to stdout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GENPAS", "PYTHON", "HF_"))}
        own = {
            "HOME": str(self._home), "HF_HOME": str(self._home / "hf"), "HF_HUB_OFFLINE": "1", "LC_ALL": "C.UTF-8",
            "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip
        done = subprocess.run(
            [self._python, *arguments], cwd=cwd, env=kept | own, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, script: str, cwd: Path, *arguments: str | Path) -> Any:
        """Return what one of the reader scripts read."""
        return json.loads(self.run(cwd, HERE / script, *arguments).splitlines()[-1])


class Environments:
    """Builds environments side by side: at once those that are known to be needed, others when they are asked for.

    Args:
        root: where to build them.
        wanted: names of those that will be needed.
    """

    def __init__(self, root: Path, wanted: set[str]) -> None:
        self._root, self._pool = root, ThreadPoolExecutor(4)
        self._built: dict[str, Future[Environment]] = {}
        for name in sorted(wanted):
            self._begin(name)

    def _begin(self, name: str) -> Future[Environment]:
        if name not in self._built:
            self._built[name] = self._pool.submit(build, self._root, name)
        return self._built[name]

    def __getitem__(self, name: str) -> Environment:
        """Return an environment; without a network the test skips, but fails in CI."""
        try:
            return self._begin(name).result()
        except NoNetworkError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))

    def close(self) -> None:
        """Wait for what is being built."""
        self._pool.shutdown(cancel_futures=True)


def build(root: Path, name: str) -> Environment:
    """Make the environment of `<name>.txt`, and of `<name>.no-deps.txt` where a package's own pins must not count.

    Raises:
        NoNetworkError: there is no network, and no cache that has all.
    """
    home = root / f"{name}-home"
    home.mkdir()
    # Links: a copy that another thread is writing cannot be run, nor can one while a process forked meanwhile holds it.
    venv.create(root / name, symlinks=True, with_pip=True)
    python = root / name / "bin" / "python"
    _install(python, "-r", HERE / f"{name}.txt")
    if (alone := HERE / f"{name}.no-deps.txt").is_file():
        _install(python, "--no-deps", "-r", alone)
    return Environment(python, home)


def _install(python: Path, *arguments: str | Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        # Compiling all modules takes longer than the rest, and a test imports a few of them.
        [python, "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check", *arguments], env=env,
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=BUILDING, check=False,
    )  # fmt: skip
    if done.returncode:
        raise failure(done.stderr)


def failure(said: str) -> Exception:
    """Return what pip's failing means, by what it said."""
    if any(sign in said for sign in _NO_NETWORK):
        return NoNetworkError(f"no network to install packages over: {said.strip().splitlines()[-1]}")
    return RuntimeError(f"{Path(sys.executable).name} -m pip install failed:\n{said}")
