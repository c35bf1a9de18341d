"""Outputs, disks and memory that will not do: one clear message, nothing written and nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import (
    Genpas,
    InProcess,
    approximately,
    fill,
    larger_log,
    make_read_only,
    refused,
    tmpfs,
    unchanged,
    words_of,
)

USAGE, MACHINE = 2, 3


# -------------------------------------------------------------------------------------------------------------- output


def test_an_output_that_exists_is_refused_and_kept(genpas: Genpas, made: Path) -> None:
    shutil.copytree(made / "log.pairs", genpas.cwd / "log.pairs")
    shutil.copy(made / "log.store", genpas.cwd / "log.store")
    with unchanged(genpas.cwd, genpas.temp_dir):
        refused(genpas("augment", made / "log.store"), USAGE, "log.pairs already exists", "--force")
        refused(genpas("ingest", made / "log.csv", "-o", "log.store"), USAGE, "log.store already exists", "--force")
        done = genpas("augment", made / "log.csv", "-o", "new.pairs", "--store", "log.store")
        refused(done, USAGE, "log.store already exists", "--force")


@pytest.mark.parametrize("command", ["ingest", "augment"])
def test_force_replaces_only_what_genpas_makes(genpas: Genpas, log: Path, command: str) -> None:
    """`-o ~ --force`, or `-o` on the log itself, must not cost the user what stands there."""
    shutil.copy(log, genpas.cwd / "log.csv")
    (genpas.cwd / "home").mkdir()
    (genpas.cwd / "home" / "thesis.tex").write_text("years of work", encoding="utf-8")
    with unchanged(genpas.cwd, genpas.temp_dir):
        for output in ("home", ".", "log.csv"):
            done = genpas(command, "log.csv", "-o", output, "--force")
            refused(done, USAGE, output, "genpas does not overwrite it")


@contextmanager
def unwritable(kind: str, tmp_path: Path) -> Iterator[Path]:
    """Give a directory in which even root can make no file."""
    if kind == "below a file":
        (tmp_path / "file").touch()
        yield tmp_path / "file"
    elif kind == "proc":
        if not Path("/proc/self").is_dir():
            pytest.skip("no /proc here")
        yield Path("/proc")
    elif kind == "read-only disk":
        with tmpfs(tmp_path / "disk", "1m") as disk:
            make_read_only(disk)
            yield disk
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        yield tmp_path / "locked"


# Root may write where nobody has the permission to.
UNWRITABLE = ["below a file", "proc", "read-only disk"] + ["no permission"] * (os.geteuid() != 0)


@pytest.mark.parametrize("kind", UNWRITABLE)
def test_an_output_directory_that_cannot_be_written(genpas: Genpas, made: Path, tmp_path: Path, kind: str) -> None:
    with unwritable(kind, tmp_path) as directory, unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", made / "log.store", "-o", directory / "out.pairs")
        refused(done, MACHINE, str(directory), "cannot write", "-o")
        done = genpas("ingest", made / "log.csv", "-o", directory / "out.store")
        refused(done, MACHINE, str(directory), "cannot write", "-o")


def test_a_temporary_directory_that_cannot_be_written(genpas: Genpas, made: Path, tmp_path: Path) -> None:
    with unwritable("read-only disk", tmp_path) as directory, unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", made / "log.csv", "-o", "out.pairs", "--temp-dir", directory)
        refused(done, MACHINE, str(directory), "cannot write", "--temp-dir")


# -------------------------------------------------------------------------------------------------------- disk, memory


def test_too_little_space_for_the_output_is_told_before_the_start(genpas: Genpas, store: Path, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "1m") as disk, unchanged(genpas.temp_dir, disk):
        done = genpas("augment", store, "--pairs", "1000000", "-o", disk / "out.pairs")
        refused(done, MACHINE, "disk", str(disk), "needed", "free", "--pairs", "-o")


@pytest.mark.slow
def test_the_disk_of_the_output_fills_up_while_it_is_written(genpas: Genpas, tmp_path: Path) -> None:
    assert genpas("ingest", larger_log(genpas.cwd / "log.parquet"), "-o", "log.store").returncode == 0
    with tmpfs(tmp_path / "disk", "400m") as disk:
        assert genpas("augment", "log.store", "-o", disk / "out.pairs", "--pairs", "20000").returncode == 0
        before = {path.name for path in disk.iterdir()}
        running = genpas.start("augment", "log.store", "-o", disk / "out.pairs", "--force", "--pairs", "3000000")
        new = disk / ".out.pairs.genpas-part" / "data"
        while running.poll() is None and not new.exists():
            time.sleep(0.005)
        running.send_signal(signal.SIGSTOP)  # else a fast machine writes everything before the disk is full
        fill(disk)
        running.send_signal(signal.SIGCONT)
        stdout, stderr = (stream.decode() for stream in running.communicate(timeout=60))
        refused(
            subprocess.CompletedProcess(running.args, running.returncode, stdout, stderr),
            MACHINE,
            "no space left",
            "-o",
        )
        (disk / "filler").unlink()
        assert {path.name for path in disk.iterdir()} == before
        assert genpas("verify", disk / "out.pairs", "--store", "log.store").returncode == 0
    assert list(genpas.temp_dir.iterdir()) == []


def test_the_disk_of_the_store_fills_up_while_it_is_written(genpas: Genpas, store: Path, tmp_path: Path) -> None:
    log = larger_log(genpas.cwd / "log.parquet", 20_000)  # a store of 4.7 MB, which is taken for 3 MB at least
    with tmpfs(tmp_path / "disk", "5500k") as disk:
        shutil.copy(store, disk / "out.store")
        with unchanged(genpas.cwd, genpas.temp_dir, disk):
            done = genpas("ingest", log, "-o", disk / "out.store", "--force")
            refused(done, MACHINE, "no space left", "-o")


@pytest.mark.slow
def test_the_temporary_disk_fills_up(genpas: Genpas, store: Path, tmp_path: Path) -> None:
    log = larger_log(genpas.cwd / "log.parquet", 20_000)
    shutil.copy(store, genpas.cwd / "out.store")
    with tmpfs(tmp_path / "disk", "1m") as disk, unchanged(genpas.cwd, disk):
        done = genpas("ingest", log, "-o", "out.store", "--force", "--temp-dir", disk, "--memory-limit", "40MB")
        refused(done, MACHINE, "no space left", "--temp-dir")
        done = genpas("ingest", "-", "-o", "out.store", "--force", "--temp-dir", disk, stdin=log.read_bytes() * 9)
        refused(done, MACHINE, "no space left", "--temp-dir")


@pytest.mark.slow
def test_a_log_that_memory_holds_needs_no_temporary_disk(genpas: Genpas, tmp_path: Path) -> None:
    log = larger_log(genpas.cwd / "log.parquet", 60_000)
    with tmpfs(tmp_path / "disk", "1m") as disk:
        with unchanged(genpas.cwd, disk):
            done = genpas("augment", log, "-o", "out.pairs", "--temp-dir", disk, "--memory-limit", "85MB")
            refused(done, MACHINE, "not enough disk space", str(disk), "--temp-dir")
        assert genpas("augment", log, "-o", "out.pairs", "--temp-dir", disk).returncode == 0


def test_too_little_space_for_a_log_is_told_before_it_is_read(genpas: Genpas, tmp_path: Path) -> None:
    log = larger_log(genpas.cwd / "log.parquet", 60_000)
    with tmpfs(tmp_path / "disk", "4m") as disk, unchanged(genpas.cwd, disk):
        done = genpas("ingest", log, "-o", disk / "out.store")
        refused(done, MACHINE, "not enough disk space", str(disk), "the store", "needed", "free", "-o")
        done = genpas("ingest", log, "-o", "out.store", "--temp-dir", disk, "--memory-limit", "85MB")
        refused(done, MACHINE, "not enough disk space", str(disk), "the rows of the log", "needed", "--temp-dir")


def test_what_a_store_has_already_needs_no_space_for_a_sort(genpas: Genpas, tmp_path: Path) -> None:
    assert genpas("ingest", larger_log(genpas.cwd / "log.parquet", 60_000), "-o", "out.store").returncode == 0
    day = larger_log(genpas.cwd / "day.parquet", 40)
    with tmpfs(tmp_path / "disk", "1m") as disk:
        done = genpas("ingest", day, "-o", "out.store", "--append", "--temp-dir", disk, "--memory-limit", "85MB")
    assert done.returncode == 0, done.stderr
    assert "1,501,000 interactions" in done.stderr


@pytest.mark.slow
def test_a_memory_limit_below_what_held_out_inputs_take_changes_no_figure(genpas: Genpas) -> None:
    """60,000 held-out inputs of 10 items take 22 MB; of 345 MB, 10 are left for them."""
    assert genpas("ingest", larger_log(genpas.cwd / "log.parquet", 60_000), "-o", "log.store").returncode == 0
    for command in (("stats", "-s", "1,0,0"), ("tune", "--alpha", "0,1", "--beta", "0", "--gamma", "0")):
        limited, free = (
            genpas.json(*command, "log.store", "--json", "--memory-limit", limit) for limit in ("345MB", "2GB")
        )
        assert limited == approximately(free)


@pytest.mark.parametrize("command", ["stats", "tune"])
def test_a_memory_limit_below_what_figures_take_names_one_that_works(
    inside: InProcess, store: Path, command: str
) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside(command, store, "--memory-limit", "310MB")
    refused(done, MACHINE, "memory limit", "310 MB", "figures", "items", "needed", "--memory-limit")
    words = words_of(done.stderr)
    limit = words[words.index("--memory-limit") + 1].rstrip(".")
    assert inside(command, store, "--memory-limit", limit).returncode == 0
    below = f"{int(limit.removesuffix('MB')) - 2}MB"
    assert inside(command, store, "--memory-limit", below).returncode == MACHINE


def test_fewer_strategies_are_offered_where_they_would_do(inside: InProcess, store: Path) -> None:
    many = [word for alpha in range(3000) for word in ("-s", f"{alpha / 1000},0,0")]
    done = inside("stats", store, "--memory-limit", "345MB", *many)
    refused(done, MACHINE, "3,000 distributions of targets", "fewer strategies")


def test_a_memory_limit_below_one_shard(genpas: Genpas, store: Path) -> None:
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", store, "-o", "out.pairs", "--pairs", "1000000", "--memory-limit", "200MB")
        refused(done, MACHINE, "memory limit", "200 MB", "shard", "needed", "--shard-rows", "--memory-limit")
        words = words_of(done.stderr)
        rows = words[words.index("--shard-rows") + 1]
        plan = genpas.json(
            "augment", store, "--pairs", "1000000", "--memory-limit", "200MB", "--shard-rows", rows, "--dry-run"
        )
    assert plan["memory"] <= 200e6, "the command that the message names does not work"


def test_a_memory_limit_that_no_shard_can_meet_names_one_that_works(inside: InProcess, store: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", store, "-o", "out.pairs", "--memory-limit", "50MB")
    refused(done, MACHINE, "memory limit", "50", "needed", "--memory-limit")
    assert "--shard-rows" not in done.stderr, "no number of rows would help"
    words = words_of(done.stderr)
    limit = words[words.index("--memory-limit") + 1]
    assert inside("augment", store, "-o", "out.pairs", "--memory-limit", limit).returncode == 0


def test_a_memory_limit_below_what_the_program_takes_is_noted(inside: InProcess, log: Path) -> None:
    done = inside("ingest", log, "-o", "a.store", "--memory-limit", "40MB")
    assert done.returncode == 0
    assert "note: --memory-limit 40MB is less than genpas itself uses, about 150 MB" in done.stderr


def test_an_output_below_a_file(inside: InProcess, log: Path) -> None:
    (inside.cwd / "plain").write_text("")
    refused(inside("ingest", log, "-o", "plain/a.store"), MACHINE, "plain is not a directory")


def test_a_store_that_is_kept_where_the_pairs_go(inside: InProcess, log: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("augment", log, "-o", "a.pairs", "--store", "./a.pairs"), 2, "--store and -o are both a.pairs")
