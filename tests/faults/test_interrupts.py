"""Ctrl-C: exit 130, promptly, one message, no litter; SIGTERM and SIGHUP likewise, exit 143 and 129."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from genpas_cli.runtime.machine import MachineOptions, resolve
from genpas_cli.runtime.sql.database import connect
from tests.support import Genpas, identity, snapshot

PROMPT_SECONDS = 2.0

SLOW = "select count(*) from range(200000) a, range(200000) b where hash(a.range, b.range) = 1"
"""Takes minutes."""

INTERRUPTED = "error: interrupted; nothing was left behind\n"
COMPLETE = "error: interrupted; complete: out.pairs\n"

every_signal = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)


def wait_for_stage(running: subprocess.Popen[bytes], told: Path, stage: str) -> None:
    """Wait until the command has begun a stage."""
    until = time.monotonic() + 60
    while not (told.exists() and any(line.startswith(stage) for line in told.read_text("utf-8").splitlines())):
        assert running.poll() is None, f"it ended before {stage!r}: {running.communicate()[1].decode()}"
        assert time.monotonic() < until, f"{stage!r} did not begin"
        time.sleep(0.002)


def interrupt(running: subprocess.Popen[bytes], number: int = signal.SIGINT) -> tuple[float, str]:
    """Send Ctrl-C or another signal; return how long it took to end, and what it said."""
    sent = time.monotonic()
    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=60)
    assert stdout == b""
    return time.monotonic() - sent, stderr.decode()


STAGES = {
    "reading a CSV": (("ingest", "{csv}"), "reading", 0.2),
    "numbering": (("ingest", "{csv}"), "numbering", 0.1),
    "numbering or sorting": (("ingest", "{csv}"), "numbering", 0.4),
    "the sort": (("ingest", "{csv}"), "numbering", 0.8),
    "the sort into a table": (("ingest", "{csv}", "--min-user", "2"), "sorting", 0.3),
    "k-core": (
        ("ingest", "{csv}", "--min-user", "60", "--min-item", "60"),
        "filtering users and items by number of interactions", 0.0,
    ),
    "storing": (("ingest", "{csv}"), "sorting and storing", 0.1),
    "vocabularies": (("ingest", "{csv}"), "writing the vocabularies", 0.0),
    "a spilling sort": (("ingest", "{csv}", "--memory-limit", "120MB"), "numbering", 0.6),
    "writing pairs": (("augment", "{store}", "--pairs", "8000000"), "writing pairs", 0.5),
    "writing pairs, one large shard": (
        ("augment", "{store}", "--pairs", "3000000", "--shard-rows", "3000000"), "writing pairs", 0.5,
    ),
    "enumerating": (("augment", "{store}", "-s", "slide-window", "--pairs", "all"), "writing pairs", 0.3),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("where", STAGES)
def test_ctrl_c(driven: Genpas, large_log: Path, large_store: Path, tmp_path: Path, where: str) -> None:
    arguments, stage, seconds = STAGES[where]
    filled = [word.format(csv=large_log, store=large_store) for word in arguments]
    running = driven.start("--tell", tmp_path / "told", "--", *filled, "-o", "out")
    wait_for_stage(running, tmp_path / "told", stage)
    time.sleep(seconds)
    assert running.poll() is None, "it ended before the signal: the log is too small for this machine"
    took, said = interrupt(running)
    assert (running.returncode, said) == (130, INTERRUPTED)
    assert took < PROMPT_SECONDS
    assert snapshot(driven.cwd) == snapshot(driven.temp_dir) == {}


@every_signal
def test_an_error_that_a_library_makes_of_a_signal_is_an_interrupt(genpas: Genpas, number: int) -> None:
    """DuckDB swallows what the handler raises, and says `Query interrupted`."""
    script = f"""
import os, sys
from importlib import import_module
from genpas_cli import cli

def interrupted(*_, **__):
    try:
        os.kill(os.getpid(), {int(number)})
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted") from None

import_module("genpas_cli.augment.verify").verify = interrupted
sys.argv = ["genpas", "verify", "x.pairs"]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=genpas.environment, cwd=genpas.cwd, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (128 + number, INTERRUPTED)


def test_an_interrupt_after_the_output_is_complete_says_so(genpas: Genpas, log: Path) -> None:
    script = f"""
import os, signal, sys
from genpas_cli.cli import main
from genpas_cli.runtime import atomic_output

publish = atomic_output._publish

def interrupted(*arguments):
    publish(*arguments)
    os.kill(os.getpid(), signal.SIGINT)

atomic_output._publish = interrupted
sys.argv = ["genpas", "augment", {str(log)!r}, "-o", "out.pairs"]
main()
"""
    done = Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, "-c", script))()
    assert (done.returncode, done.stdout, done.stderr) == (130, "", COMPLETE)
    assert genpas("verify", "out.pairs").returncode == 0


@pytest.mark.parametrize("said", ["Interrupted!", "reading the schema of the object failed: KeyboardInterrupt: "])
def test_an_interrupt_that_duckdb_has_made_an_error_of(tmp_path: Path, said: str) -> None:
    machine = resolve(MachineOptions(memory_limit="200MB"))
    with pytest.raises(KeyboardInterrupt), connect(machine, tmp_path):
        raise duckdb.InvalidInputException(said)


def test_databases_are_closed_in_any_order(tmp_path: Path) -> None:
    """Streams of pairs are closed when they are no longer used, and the one opened first may be closed first."""
    machine = resolve(MachineOptions())
    signal.signal(signal.SIGINT, lambda *_: None)
    before = signal.set_wakeup_fd(-1)
    first, second = ExitStack(), ExitStack()
    first.enter_context(connect(machine, tmp_path))
    of_second = second.enter_context(connect(machine, tmp_path))
    first.close()
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    began = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        of_second.con.execute(SLOW).fetchall()
    assert time.monotonic() - began < PROMPT_SECONDS, "the database that is left is interruptible"
    timer.join()
    second.close()
    assert signal.set_wakeup_fd(before) == -1


def test_an_interrupt_reaches_the_database_opened_first(tmp_path: Path) -> None:
    machine = resolve(MachineOptions())
    signal.signal(signal.SIGINT, lambda *_: None)
    with connect(machine, tmp_path) as first, connect(machine, tmp_path):
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        timer.start()
        began = time.monotonic()
        with pytest.raises(duckdb.InterruptException):
            first.con.execute(SLOW).fetchall()
        assert time.monotonic() - began < PROMPT_SECONDS
        timer.join()


@every_signal
def test_a_signal_while_a_log_is_hashed(driven: Genpas, log: Path, tmp_path: Path, number: int) -> None:
    running = driven.start("--tell", tmp_path / "told", "--slow-hash", "4", "--", "ingest", log, "-o", "out.store")
    wait_for_stage(running, tmp_path / "told", "reading")
    time.sleep(0.5)
    running.send_signal(number)
    # The block that is being read on the slow disk cannot be given up; all else can.
    _, stderr = running.communicate(timeout=60)
    assert (running.returncode, stderr.decode()) == (128 + number, INTERRUPTED)
    assert snapshot(driven.cwd) == snapshot(driven.temp_dir) == {}


@every_signal
def test_a_signal_while_stdin_is_awaited(genpas: Genpas, number: int) -> None:
    running = genpas.start("ingest", "-", "-o", "out.store", stdin=subprocess.PIPE)
    assert running.stdin is not None
    until = time.monotonic() + 30
    while not (genpas.cwd / ".out.store.genpas-lock").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)
    took, said = interrupt(running, number)
    assert (running.returncode, said) == (128 + number, INTERRUPTED)
    assert took < PROMPT_SECONDS
    assert snapshot(genpas.cwd) == snapshot(genpas.temp_dir) == {}


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_ctrl_c_while_a_reader_of_the_stream_stalls(genpas: Genpas, store: Path, env: dict[str, str]) -> None:
    running = genpas.with_env(**env).start("augment", store, "-o", "-", "--pairs", "300000")
    assert running.stdout is not None
    assert running.stdout.read(1)
    sent = time.monotonic()
    running.send_signal(signal.SIGINT)
    while running.poll() is None and time.monotonic() < sent + 10:
        time.sleep(0.01)
    took = time.monotonic() - sent
    assert running.communicate(timeout=30)[1].decode() == INTERRUPTED
    assert running.returncode == 130
    assert took < PROMPT_SECONDS
    assert snapshot(genpas.cwd) == snapshot(genpas.temp_dir) == {}


def wait_for_scratch(genpas: Genpas, running: subprocess.Popen[bytes]) -> None:
    """Wait until the command has made its temporary directory."""
    while running.poll() is None and not any(genpas.temp_dir.iterdir()):
        time.sleep(0.001)


@pytest.mark.slow
def test_ctrl_c_at_any_moment(genpas: Genpas, made: Path) -> None:
    """From the first file it makes on: either it is done, or it says so and has left nothing."""
    arguments = ("augment", made / "log.csv", "-o", "out.pairs", "--pairs", "200000")
    running = genpas.start(*arguments)
    wait_for_scratch(genpas, running)
    begun = time.monotonic()
    running.communicate(timeout=60)
    seconds = time.monotonic() - begun
    assert running.returncode == 0
    whole = identity(genpas.cwd / "out.pairs")
    rng = random.Random(0)  # moments, no secrets
    for moment in sorted(rng.uniform(0.0, 1.1) for _ in range(20)):
        shutil.rmtree(genpas.cwd / "out.pairs", ignore_errors=True)
        running = genpas.start(*arguments)
        wait_for_scratch(genpas, running)
        time.sleep(moment * seconds)
        took, said = interrupt(running)
        assert took < PROMPT_SECONDS
        assert "Traceback" not in said, (moment, said)
        assert snapshot(genpas.temp_dir) == {}, moment
        left = {path.name for path in genpas.cwd.iterdir()}
        if running.returncode == 0 or left:
            assert left == {"out.pairs"}, moment
            assert identity(genpas.cwd / "out.pairs") == whole
        if running.returncode != 0:
            assert (running.returncode, said) == (130, COMPLETE if left else INTERRUPTED), moment


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "{made}/log.csv", "-o", "out"),
        ("augment", "{made}/log.csv", "-o", "out"),
        ("export", "{made}/log.pairs", "--to", "recbole", "-o", "out"),
        ("stats", "{made}/log.store", "--html", "out"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_while_a_block_is_opened_or_left(
    driven: Genpas, made: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Python may raise KeyboardInterrupt within `__enter__` and `__exit__`, before they have done their work."""
    command = ("--", *(word.format(made=made) for word in arguments))
    assert driven("--count", tmp_path / "count", *command).returncode == 0
    (driven.cwd / "out").unlink() if (driven.cwd / "out").is_file() else shutil.rmtree(driven.cwd / "out")
    count = int((tmp_path / "count").read_text("utf-8"))
    for at in random.Random(1).sample(range(1, count), 12):
        done = driven("--interrupt-at", str(at), *command)
        left = {path.name for path in driven.cwd.iterdir()}
        assert snapshot(driven.temp_dir) == {}, at
        assert done.returncode == 130, at
        # Before the interrupt, the command may have printed its report.
        assert done.stderr.endswith("error: interrupted; complete: out\n" if left else INTERRUPTED), at
        assert "Traceback" not in done.stderr, at
        assert left <= {"out"}, at
        for path in driven.cwd.iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_run_that_is_told_to_end_leaves_nothing(
    driven: Genpas, large_store: Path, large_log: Path, tmp_path: Path, number: int
) -> None:
    for arguments, stage in (
        (("ingest", large_log, "-o", "out.store"), "numbering"),
        (("augment", large_store, "-o", "out.pairs", "--pairs", "3000000"), "writing pairs"),
    ):
        told = tmp_path / str(arguments[0])
        running = driven.start("--tell", told, "--", *arguments)
        wait_for_stage(running, told, stage)
        time.sleep(0.2)
        took, said = interrupt(running, number)
        assert (running.returncode, said) == (128 + number, INTERRUPTED)
        assert took < PROMPT_SECONDS
        assert snapshot(driven.cwd) == snapshot(driven.temp_dir) == {}


def test_a_signal_that_is_ignored_stays_ignored(genpas: Genpas, log: Path) -> None:
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    running = genpas.start("ingest", "-", "-o", "out.store", stdin=subprocess.PIPE)
    signal.signal(signal.SIGHUP, before)
    while not (genpas.cwd / ".out.store.genpas-lock").exists() and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGHUP)
    running.communicate(log.read_bytes(), timeout=60)
    assert running.returncode == 0


INTERRUPTED_IMPORT = """
import importlib.abc, os, signal, sys

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Interrupting())
sys.argv = ["genpas", "augment", "nosuch.csv"]
from genpas_cli.cli import main
main()
"""


@every_signal
@pytest.mark.parametrize(
    "module",
    [
        "typer",
        "rich",
        "genpas_cli.cli.app",
        "genpas_cli.cli.commands.ingest",
        "genpas_cli.augment.job",
        "duckdb",
        "pyarrow",
    ],
)
def test_a_signal_while_modules_are_loaded(genpas: Genpas, module: str, number: int) -> None:
    script = INTERRUPTED_IMPORT.format(module=module, number=int(number))
    done = Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, "-c", script))()
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", INTERRUPTED)


def test_the_command_line_is_ready_for_a_signal_before_it_loads_anything_slow(genpas: Genpas) -> None:
    script = (
        "import sys; from genpas_cli.cli import main; print(sorted({'typer', 'rich', 'duckdb'} & set(sys.modules)))"
    )
    assert Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, "-c", script))().stdout == "[]\n"
