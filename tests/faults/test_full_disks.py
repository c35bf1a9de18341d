"""A disk that fills up at any moment: exit code 3, the old output stays whole, and nothing else is left behind."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, augment, ingest
from tests.faults.test_kills import contents
from tests.support import Genpas, identity, says_once, small_log, snapshot, tmpfs

DISKS = int(os.environ.get("GENPAS_DISKS", "6"))
"""How many disks each command meets; each takes one to three seconds."""

SUCCESS, MACHINE = 0, 3

SIZE = 48 << 20
"""Bytes of the disk; less than half of it is free when the command starts."""

Look = Callable[[Path], object]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs, and the store, the pairs and the two parts of each."""
    root = tmp_path_factory.mktemp("inputs")
    for name, seed in (("old", 1), ("new", 2)):
        (root / f"{name}.csv").write_text(small_log(3000, 2000, seed=seed), encoding="utf-8")
        ingest(root / f"{name}.csv", root / f"{name}.store")
        augment(root / f"{name}.store", root / f"{name}.pairs", AugmentOptions(shard_rows=8192))
        for part in ("1/2", "2/2"):
            augment(root / f"{name}.store", root / f"{name}.p", AugmentOptions(shard_rows=8192), part=part)
    return root


COMMANDS: dict[str, tuple[tuple[str, ...], Look]] = {
    "ingest": (("ingest", "{0}.csv", "-o", "out.store"), contents),
    "augment": (("augment", "{0}.store", "--shard-rows", "8192", "-o", "out.pairs"), identity),
    "augment of a log": (("augment", "{0}.csv", "--shard-rows", "8192", "-o", "out.pairs"), identity),
    "merge": (("merge", "{0}.p.part-1-of-2", "{0}.p.part-2-of-2", "-o", "out.pairs"), identity),
    "export to one file": (("export", "{0}.pairs", "--to", "jsonl", "--split", "train", "-o", "out.jsonl"), snapshot),
    "export to a directory": (("export", "{0}.pairs", "--to", "npz", "-o", "out"), snapshot),
    "html": (("stats", "{0}.store", "-s", "multi-target", "--html", "out.html"), Path.read_bytes),
}


def leave_free(disk: Path, free: int) -> None:
    """Fill the disk until only this many bytes are left."""
    space = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_bsize - free, 1))


@pytest.mark.slow
@pytest.mark.timeout(200 + 20 * DISKS)
@pytest.mark.parametrize("scratch", ["elsewhere", "on the same disk"])
@pytest.mark.parametrize("what", COMMANDS)
def test_a_full_disk(genpas: Genpas, inputs: Path, tmp_path: Path, what: str, scratch: str) -> None:
    command, look = COMMANDS[what]
    sizes = random.Random(f"{what}, {scratch}")  # free space, no secret
    codes = set()
    with tmpfs(tmp_path / "disk", str(SIZE)) as disk:
        temp = disk / "tmp" if scratch == "on the same disk" else genpas.temp_dir
        run = Genpas(disk, temp)

        def made(which: str) -> tuple[int, str]:
            temp.mkdir(exist_ok=True)
            words = [str(inputs / word.format(which)) if (inputs / word.format(which)).exists() else word
                     for word in command]  # fmt: skip
            done = run(*words, *([] if what == "html" else ["--force"]))
            return done.returncode, done.stderr

        assert made("old")[0] == SUCCESS
        (output,) = (path for path in disk.iterdir() if path.name not in ("tmp", "filler"))
        old = look(output)
        kept = tmp_path / "kept"
        (shutil.copytree if output.is_dir() else shutil.copy)(output, kept)
        assert made("new")[0] == SUCCESS
        new = look(output)
        needed = 2 * sum(path.stat().st_size for path in (output, *output.rglob("*")) if path.is_file())
        for number in range(-(-DISKS // 2)):
            (shutil.rmtree if output.is_dir() else Path.unlink)(output)
            (shutil.copytree if kept.is_dir() else shutil.copy)(kept, output)
            leave_free(disk, free := int(needed * sizes.uniform(0, 1.2)))
            code, said = made("new")
            (disk / "filler").unlink()
            when = f"{free:,} bytes free of {needed:,}, disk {number}: {said}"
            assert code in (SUCCESS, MACHINE), when
            assert look(output) == (new if code == SUCCESS else old), when
            if code == MACHINE:
                says_once(said)
            assert {path.name for path in disk.iterdir()} <= {output.name, "tmp"}, when
            assert snapshot(temp) == {}, when
            codes.add(code)
        assert MACHINE in codes
