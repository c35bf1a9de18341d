"""Outputs, disks, stores, pairs and streams that will not do: one clear message, nothing written and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.support import (
    Genpas,
    InProcess,
    approximately,
    fill,
    larger_log,
    make_read_only,
    refused,
    rewrite,
    small_log,
    tmpfs,
    unchanged,
    words_of,
)

DATA, USAGE, MACHINE, INTEGRITY = 1, 2, 3, 4


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
            refused(done, USAGE, output, "--force", "overwrites only")


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
        fill(disk)
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
        done = genpas("augment", log, "-o", "out.pairs", "--temp-dir", disk)
        refused(done, MACHINE, "not enough disk space", str(disk), "--temp-dir")
        done = genpas("ingest", "-", "-o", "out.store", "--force", "--temp-dir", disk, stdin=log.read_bytes() * 9)
        refused(done, MACHINE, "no space left", "--temp-dir")


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


# --------------------------------------------------------------------------------------------------------------- stores


def edit(store: Path, *statements: str) -> None:
    """Run SQL on a DuckDB file."""
    with duckdb.connect(str(store)) as con:
        for statement in statements:
            con.execute(statement)


BAD_STORES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "another version": (
        lambda path: edit(path, "update meta set value = '99' where key = 'format_version'"),
        ("99", "version", "genpas ingest"),
    ),
    "no version": (lambda path: edit(path, "delete from meta where key = 'format_version'"), ("not a genpas store",)),
    "another DuckDB file": (
        lambda path: edit(path, "drop table meta", "create table meta (a integer)"),
        ("not a genpas store", "genpas ingest"),
    ),
    "was interrupted": (lambda path: path.write_bytes(path.read_bytes()[:20_000]), ("damaged", "genpas ingest")),
    "overwritten": (
        lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096)),
        ("damaged", "genpas ingest"),
    ),
}


@pytest.mark.parametrize("what", BAD_STORES)
def test_a_store_that_cannot_be_used(inside: InProcess, made: Path, what: str) -> None:
    damage, words = BAD_STORES[what]
    path = inside.cwd / "bad.store"
    shutil.copy(made / "log.store", path)
    damage(path)
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("augment", "bad.store", "-o", "out.pairs"), DATA, "bad.store", *words)
        refused(inside("verify", made / "log.pairs", "--store", "bad.store"), DATA, "bad.store", *words)


def test_a_store_that_does_not_hold_what_it_says(inside: InProcess, store: Path) -> None:
    path = inside.cwd / "bad.store"
    shutil.copy(store, path)
    edit(path, "delete from interactions where user_num = 3")
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("augment", "bad.store", "-o", "out.pairs"), INTEGRITY, "bad.store", "genpas ingest")


def test_a_store_locked_by_another_process(genpas: Genpas, store: Path) -> None:
    shutil.copy(store, genpas.cwd / "log.store")
    script = "import duckdb, sys; c = duckdb.connect('log.store'); print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", script], cwd=genpas.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "open\n"
        with unchanged(genpas.cwd, genpas.temp_dir):
            done = genpas("augment", "log.store", "-o", "out.pairs")
        refused(done, DATA, "log.store", "locked by another process", str(other.pid))
    finally:
        other.communicate()


def test_a_column_to_keep_that_the_store_has_not(inside: InProcess, store: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", store, "-o", "out.pairs", "--keep", "price")
    refused(done, DATA, "no column price", "genpas ingest", "--keep price")


# --------------------------------------------------------------------------------------------------------------- verify


def reseeded(manifest: Path) -> None:
    """Change a setting as an editor would, and nothing else."""
    manifest.write_text(manifest.read_text("utf-8").replace('"seed": 0', '"seed": 1'), "utf-8")


def shard(path: Path) -> Path:
    """Return the first training shard."""
    return min((path / "data").glob("train-*"))


BAD_PAIRS: dict[str, tuple[Callable[[Path], object], int, tuple[str, ...]]] = {
    "no manifest": (lambda path: (path / "manifest.json").unlink(), DATA, ("manifest.json", "genpas augment")),
    "manifest of another version": (
        lambda path: rewrite(path / "manifest.json", lambda m: m.update(format_version=99)),
        DATA,
        ("99",),
    ),
    "manifest with another seed": (
        lambda path: reseeded(path / "manifest.json"),
        INTEGRITY,
        ("manifest.json was changed",),
    ),
    "another card": (lambda path: (path / "README.md").write_text("mine"), INTEGRITY, ("README.md",)),
    "manifest no JSON": (
        lambda path: (path / "manifest.json").write_text("{"),
        INTEGRITY,
        ("manifest.json", "damaged"),
    ),
    "manifest a list": (
        lambda path: (path / "manifest.json").write_text("[]"),
        INTEGRITY,
        ("manifest.json", "damaged"),
    ),
    "manifest without users": (
        lambda path: rewrite(path / "manifest.json", lambda m: m.pop("users")),
        INTEGRITY,
        ("manifest.json", "users"),
    ),
    "manifest with odd files": (
        lambda path: rewrite(path / "manifest.json", lambda m: m.update(files=[{"path": "x"}])),
        INTEGRITY,
        ("manifest.json", "damaged"),
    ),
    "a shard missing": (lambda path: shard(path).unlink(), INTEGRITY, ("train-00000-of-00001.parquet", "missing")),
    "a shard too many": (
        lambda path: shutil.copy(shard(path), path / "data" / "train-9.parquet"),
        INTEGRITY,
        ("train-9.parquet", "manifest"),
    ),
    "a shard cut short": (
        lambda path: os.truncate(shard(path), 100),
        INTEGRITY,
        ("train-00000-of-00001.parquet", "100 bytes"),
    ),
    "a byte changed": (
        lambda path: shard(path).write_bytes(b"\0" + shard(path).read_bytes()[1:]),
        INTEGRITY,
        ("train-00000", "SHA-256"),
    ),
    "pairs counted wrongly": (
        lambda path: rewrite(path / "manifest.json", lambda m: m.update(pairs=7)),
        INTEGRITY,
        ("7",),
    ),
}


@pytest.mark.parametrize("what", BAD_PAIRS)
def test_a_pairs_directory_that_does_not_agree(inside: InProcess, made: Path, what: str) -> None:
    damage, code, words = BAD_PAIRS[what]
    shutil.copytree(made / "log.pairs", inside.cwd / "bad.pairs")
    damage(inside.cwd / "bad.pairs")
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("verify", "bad.pairs", "--json"), code, "bad.pairs", *words)


def test_verify_of_what_is_no_directory(inside: InProcess, made: Path) -> None:
    refused(inside("verify", "nosuch.pairs"), DATA, "nosuch.pairs", "no such", "genpas augment")
    refused(inside("verify", made / "log.csv"), DATA, "log.csv", "not a directory")


def test_verify_with_the_store_of_another_log(inside: InProcess, pairs: Path) -> None:
    (inside.cwd / "log.csv").write_text(small_log(seed=9), encoding="utf-8")
    assert inside("ingest", "log.csv", "-o", "other.store").returncode == 0
    refused(inside("verify", pairs, "--store", "other.store"), INTEGRITY)


# ------------------------------------------------------------------------------------------------------- closed streams


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
