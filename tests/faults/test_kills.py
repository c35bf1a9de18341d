"""SIGKILL at any moment: the old output or the new one stands there whole, and the next run leaves no trace of it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest, verify
from tests.support import Genpas, identity, small_log, snapshot

Identity = Callable[[Path], dict[str, str]]

KILLS = int(os.environ.get("GENPAS_KILLS", "40"))
"""How often a run is killed at a random moment; each takes about three seconds."""


def contents(store: Path) -> dict[str, str]:
    """Return a digest of each table of a store: its bytes differ from run to run."""
    found = {}
    with duckdb.connect(str(store), read_only=True) as con:
        for (table,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall():
            query = f"select md5(string_agg(t::varchar, '|' order by rowid)) from (select *, rowid from {table}) t"
            found[table] = con.execute(query).fetchall()[0][0]
    return found


class Replaced:
    """An earlier output in place, and what must be true after a run that replaces it was killed."""

    def __init__(self, genpas: Genpas, output: Path, look: Identity, rerun: Callable[[], object]) -> None:
        """Take the output as it stands for the old one, and let `rerun` make the new one."""
        self.genpas, self.output, self._look, self._rerun = genpas, output, look, rerun
        self._pristine = genpas.cwd.parent / "pristine"
        self._copy(output, self._pristine)
        self.old = look(output)
        rerun()
        self.new = look(output)
        assert self.old != self.new
        self.put_back()

    def put_back(self) -> None:
        """Put the old output back."""
        self._copy(self._pristine, self.output)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

    def check(self, when: str, *, may_be_absent: bool = False) -> str:
        """Check what stands there, run again, check what stands there then; return which of the two it was."""
        state = "absent"
        if self.output.exists() or not may_be_absent:
            found = self._look(self.output)
            if self.output.is_dir():
                verify(self.output)
            assert found in (self.old, self.new), f"neither the old nor the new output is whole: killed {when}"
            state = "old" if found == self.old else "new"
        self._rerun()
        assert self._look(self.output) == self.new, f"the rerun is another: killed {when}"
        left = {path.name for path in self.genpas.cwd.iterdir()}
        assert left == {self.output.name}, f"litter beside the output: killed {when}"
        assert snapshot(self.genpas.temp_dir) == {}, f"litter in the temporary directory: killed {when}"
        self.put_back()
        return state


def pairs_replaced(genpas: Genpas, store: Path, *, pairs: int, shards: int) -> tuple[Replaced, list[str]]:
    """Give a pairs directory with seed 1 that a command replaces by one with seed 2."""
    temp = str(genpas.temp_dir)
    old, new = (
        AugmentOptions(pairs=str(pairs), seed=seed, shard_rows=pairs // shards, temp_dir=temp) for seed in (1, 2)
    )
    output = genpas.cwd / "out.pairs"
    augment(store, output, old)
    command = [
        "augment", str(store), "-o", "out.pairs", "--force", "--pairs", str(pairs), "--seed", "2", "--shard-rows",
        str(pairs // shards),
    ]  # fmt: skip
    return Replaced(genpas, output, identity, lambda: augment(store, output, new, force=True)), command


def store_replaced(genpas: Genpas, log: Path) -> tuple[Replaced, list[str]]:
    """Give a store of another log that a command replaces by that of a log."""
    (genpas.cwd.parent / "other.csv").write_text(small_log(seed=4), encoding="utf-8")
    options, output = IngestOptions(temp_dir=str(genpas.temp_dir)), genpas.cwd / "out.store"
    ingest(genpas.cwd.parent / "other.csv", output, options)
    command = ["ingest", str(log), "-o", "out.store", "--force"]
    return Replaced(genpas, output, contents, lambda: ingest(log, output, options, force=True)), command


def duration(genpas: Genpas, command: list[str]) -> float:
    """Return how long the command takes when nothing disturbs it."""
    begun = time.monotonic()
    assert genpas(*command).returncode == 0
    return time.monotonic() - begun


def kill_at_random_moments(genpas: Genpas, replaced: Replaced, command: list[str], times: int) -> set[str]:
    """Kill the command so many times; return the states that were found."""
    seconds = duration(genpas, command)
    replaced.put_back()
    rng, states = random.Random(2), set()  # moments, no secrets
    for _ in range(times):
        moment = rng.uniform(0, seconds)
        running = genpas.start(*command)
        time.sleep(moment)
        running.kill()
        running.communicate()
        states.add(replaced.check(f"after {moment:.3f} of {seconds:.3f} s"))
    return states


@pytest.mark.slow
@pytest.mark.timeout(200 + 10 * KILLS)
def test_augment_killed_at_random_moments(genpas: Genpas, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(small_log(6000, 3000), encoding="utf-8")
    ingest(tmp_path / "log.csv", tmp_path / "log.store")
    replaced, command = pairs_replaced(genpas, tmp_path / "log.store", pairs=120_000, shards=8)
    assert "old" in kill_at_random_moments(genpas, replaced, command, KILLS)


@pytest.mark.slow
@pytest.mark.timeout(200 + 10 * KILLS)
def test_ingest_killed_at_random_moments(genpas: Genpas, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(small_log(6000, 3000), encoding="utf-8")
    replaced, command = store_replaced(genpas, tmp_path / "log.csv")
    assert "old" in kill_at_random_moments(genpas, replaced, command, KILLS // 4)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange of names", "two renames"])
@pytest.mark.parametrize("what", ["augment", "ingest"])
def test_killed_at_each_step_of_publishing(
    genpas: Genpas, driven: Genpas, made: Path, what: str, *, exchange: bool
) -> None:
    replaced, command = (
        pairs_replaced(genpas, made / "log.store", pairs=400, shards=2)
        if what == "augment"
        else store_replaced(genpas, made / "log.csv")
    )
    faults = [] if exchange else ["--no-exchange"]
    steps = genpas.cwd.parent / "steps"
    assert driven("--steps", steps, *faults, "--", *command).returncode == 0
    replaced.put_back()
    calls = steps.read_text("utf-8").splitlines()
    assert any(call.startswith(("exchange", "replace")) for call in calls)
    states = []
    for n, call in enumerate(calls):
        done = driven("--kill-before", str(n), *faults, "--", *command)
        assert done.returncode == -signal.SIGKILL, done.stderr
        states.append(replaced.check(f"before call {n}: {call}", may_be_absent=not exchange and what == "augment"))
    # First the old one stands, then the new one; between them nothing, and that only between two renames.
    order = ["old", "absent", "new"] if not exchange and what == "augment" else ["old", "new"]
    assert list(dict.fromkeys(states)) == order
    assert states == sorted(states, key=order.index)
    assert states.count("absent") == (len(order) == 3)


def leave_litter(genpas: Genpas, name: str) -> None:
    """Put beside an output what killed runs leave there, and into the temporary directory too."""
    for what in ("new", "new.wal", "old"):
        (genpas.cwd / f".{name}.genpas-{what}").write_bytes(b"litter")
    (genpas.cwd / f".{name}.genpas-lock").write_bytes(b"genpas\n")
    (genpas.temp_dir / "genpas-scratch-killed" / "spill").mkdir(parents=True)
    (genpas.temp_dir / "genpas-scratch-killed" / "log.store").write_bytes(b"litter")
    (genpas.temp_dir / "genpas-scratch-killed" / "made-by-genpas").touch()


@pytest.mark.parametrize("succeeds", [True, False], ids=["that succeeds", "that fails"])
def test_any_next_run_removes_the_litter(genpas: Genpas, made: Path, *, succeeds: bool) -> None:
    shutil.copy(made / "log.store", genpas.cwd / "out.store")
    leave_litter(genpas, "out.store")
    log = made / "log.csv" if succeeds else "nosuch.csv"
    assert genpas("ingest", log, "-o", "out.store", "--force").returncode == (0 if succeeds else 1)
    assert [path.name for path in genpas.cwd.iterdir()] == ["out.store"]
    assert snapshot(genpas.temp_dir) == {}
    assert (
        contents(genpas.cwd / "out.store")
        if succeeds
        else snapshot(genpas.cwd)["out.store"] == snapshot(made)["log.store"]
    )


@pytest.mark.slow
def test_a_first_run_that_is_killed_leaves_no_output(genpas: Genpas, driven: Genpas, made: Path) -> None:
    command = ("augment", made / "log.csv", "-o", "new/out.pairs")
    steps = genpas.cwd.parent / "steps"
    assert driven("--steps", steps, "--", *command).returncode == 0
    whole = identity(genpas.cwd / "new" / "out.pairs")
    calls = steps.read_text("utf-8").splitlines()
    for n in range(0, len(calls), 6):
        shutil.rmtree(genpas.cwd / "new")
        done = driven("--kill-before", str(n), "--", *command)
        assert done.returncode == -signal.SIGKILL
        done = genpas(*command)
        if done.returncode:
            assert "exists" in done.stderr
        assert identity(genpas.cwd / "new" / "out.pairs") == whole
        if done.returncode:
            assert genpas(*command, "--force").returncode == 0
        assert [path.name for path in (genpas.cwd / "new").iterdir()] == ["out.pairs"]
        assert snapshot(genpas.temp_dir) == {}
