"""What the tests of the command line and of faults share: running it, and looking at what it left behind."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer.main

from genpas_cli.cli.console import JSON_SCHEMA
from genpas_cli.runtime.json.sealed import sealed

ROOT = Path(__file__).resolve().parents[1]

HEADER = "user_id,item_id,timestamp"

Stream = int | IO[bytes]
"""What a process may have for a standard stream."""


@dataclass(frozen=True)
class Genpas:
    """The real command, run in a directory of its own, with a temporary directory of its own."""

    cwd: Path
    temp_dir: Path
    command: tuple[str, ...] = (sys.executable, "-m", "genpas_cli")
    env: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; bytes on stdout that are no UTF-8 come as surrogates (see `raw`)."""
        done = subprocess.run(
            [*self.command, *map(str, arguments)], cwd=self.cwd, env=self.environment, input=stdin,
            capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        texts = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, *texts)

    def start(
        self, *arguments: str | Path, stdin: Stream = subprocess.DEVNULL, stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        """Start it, and return at once."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)], cwd=self.cwd, env=self.environment, stdin=stdin, stdout=stdout,
            stderr=stderr,
        )  # fmt: skip

    def json(self, *arguments: str | Path, stdin: bytes = b"") -> Any:
        """Run it with success, and return the report on stdout without the versions that made it."""
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report.pop("genpas") == {"version": version("genpas"), "schema": JSON_SCHEMA}
        return report

    @property
    def environment(self) -> dict[str, str]:
        """The caller's, without what would change colours, widths, directories or how Python buffers."""
        changing = ("NO_COLOR", "FORCE_COLOR", "TERM")
        kept = {k: v for k, v in os.environ.items() if k not in changing and not k.startswith("PYTHON")}
        own = {"TMPDIR": str(self.temp_dir), "COLUMNS": "200", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        return kept | own | dict(self.env)

    def with_env(self, **env: str) -> Genpas:
        """Return the same with more in the environment."""
        return Genpas(self.cwd, self.temp_dir, self.command, {**self.env, **env})


class InProcess(Genpas):
    """The same `main` in this process, ten times as fast: for the many cases that need no process of their own."""

    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; there is nothing on stdin, and no bytes on stdout."""
        del timeout
        assert not stdin
        from genpas_cli.cli import console, main

        words, code = ["genpas", *map(str, arguments)], 0
        stdout, stderr = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
            patch.chdir(self.cwd)
            patch.setattr(sys, "argv", words)
            patch.setattr(tempfile, "tempdir", str(self.temp_dir))
            patch.setattr(typer.main, "get_command", _built_once)
            patch.setenv("COLUMNS", "200")
            try:
                main()
            except SystemExit as leaving:
                code = int(leaving.code or 0)
            finally:
                console.set_loudness(quiet=False, verbose=False)  # -q is for one command, not for the tests after it
        return subprocess.CompletedProcess(words, code, stdout.getvalue(), stderr.getvalue())


_built: dict[tuple[int, int], Any] = {}
_build = typer.main.get_command


def _built_once(application: typer.Typer) -> Any:
    """Return the commands of an application as typer builds them: a quarter of the time of a short command."""
    state = id(application), len(application.registered_commands)
    if state not in _built:
        _built[state] = _build(application)
    return _built[state]


def raw(text: str) -> bytes:
    """Return the bytes that `Genpas` gave as text."""
    return text.encode("utf-8", "surrogateescape")


# ------------------------------------------------------------------------------------------------------------- outcomes


def says_once(stderr: str, *words: str) -> None:
    """Assert that stderr is one message for a person which holds these words."""
    assert "Traceback" not in stderr, stderr
    assert "Exception ignored" not in stderr, stderr
    begins = [line for line in stderr.splitlines() if line.startswith(("error:", "╭─ Error"))]
    assert len(begins) == 1, stderr
    assert len(stderr.strip().splitlines()) <= 8, stderr
    for word in words:
        assert word.lower() in stderr.lower(), f"{word!r} is not in: {stderr}"


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Assert the exit code, one message on stderr that holds these words, and nothing on stdout."""
    assert "Traceback" not in done.stderr, done.stderr
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    says_once(done.stderr, *words)


def words_of(text: str) -> list[str]:
    """Return the words of a message without the marks around them."""
    return [word.strip("(),.;:`") for word in text.split()]


def interrupted_after(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls another one, and is interrupted before it returns."""

    def call(*arguments: Any, **named: Any) -> Any:
        found = real(*arguments, **named)
        signal.raise_signal(signal.SIGINT)
        return found

    return call


def snapshot(root: Path) -> dict[str, str]:
    """Return every path below `root`, hidden ones too, with the digest of its content."""
    return {path.relative_to(root).as_posix(): _content(path) for path in sorted(root.rglob("*"))}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_dir():
        return "directory"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "special"


def larger_log(path: Path, users: int = 4000) -> Path:
    """Write a Parquet log of so many users with 25 interactions each."""
    rows = [(f"user-{n % users}", f"item-{n * 7919 % 5003}", n) for n in range(users * 25)]
    user, item, time_ = zip(*rows, strict=True)
    pq.write_table(pa.table({"user_id": user, "item_id": item, "timestamp": time_}), path)
    return path


EXACT = 1e-12
"""Absolute or relative, whichever is wider."""


def exactly(value: object) -> object:
    """Return what compares equal to 12 digits."""
    return pytest.approx(value, rel=EXACT, abs=EXACT)


def approximately(value: object) -> object:
    """Return nested figures that compare equal to 12 digits."""
    if isinstance(value, dict):
        return {key: approximately(each) for key, each in value.items()}
    if isinstance(value, list):
        return [approximately(each) for each in value]
    return exactly(value) if isinstance(value, float) else value


@contextmanager
def unchanged(*roots: Path) -> Iterator[None]:
    """Assert that the block leaves all below these directories as it was: nothing written, nothing lost."""
    before = [snapshot(root) for root in roots]
    yield
    assert [snapshot(root) for root in roots] == before


def rewrite(described: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file of ours in the way of somebody who makes its digest anew, so that the change itself counts."""
    content = json.loads(described.read_text(encoding="utf-8"))
    change(content)
    described.write_text(json.dumps(sealed(content)), encoding="utf-8")


def identity(pairs: Path) -> dict[str, str]:
    """Return path and digest of all that makes a pairs directory what it is: everything but `run` in its manifest."""
    found = snapshot(pairs)
    manifest = json.loads((pairs / "manifest.json").read_text(encoding="utf-8"))
    del manifest["run"]
    found["manifest.json"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    return found


def shards(pairs: Path, split: str = "train") -> pa.Table:
    """Return the rows of a split, shard after shard."""
    return pa.concat_tables([pq.read_table(path) for path in sorted((pairs / "data").glob(f"{split}-*.parquet"))])


# ----------------------------------------------------------------------------------------------------------------- logs


def small_log(users: int = 40, items: int = 30, *, shortest: int = 4, seed: int = 0) -> str:
    """Return a CSV log with a header: text ids, times that are distinct, users of 4 to 12 interactions."""
    rng = random.Random(seed)  # a log, no secret
    owners = [f"u{user}" for user in range(users) for _ in range(rng.randint(shortest, shortest + 8))]
    rng.shuffle(owners)
    rows = [f"{owner},i{rng.randint(1, items)},{1000 + row}" for row, owner in enumerate(owners)]
    return "\n".join((HEADER, *rows)) + "\n"


# ---------------------------------------------------------------------------------------------------------------- disks


@contextmanager
def tmpfs(at: Path, size: str) -> Iterator[Path]:
    """Mount a small disk at a new directory; the test is skipped where that needs rights which are not there."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("needs root, to mount a small tmpfs")
    at.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run([umount, "-l", str(at)], check=True)


def make_read_only(disk: Path) -> None:
    """Let nothing more be written to a mounted tmpfs."""
    mount = shutil.which("mount")
    assert mount is not None
    subprocess.run([mount, "-o", "remount,ro", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Write a file `filler` until the disk has no space left."""
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):  # large blocks first, because the disk must be full before the command ends
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
