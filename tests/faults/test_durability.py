"""What reaches the disk in which order: every byte before the name that people know, and that name before the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from genpas_cli import AugmentOptions, MachineError, augment, ingest
from genpas_cli.pairs.shards import FinishedShards, ShardFile
from genpas_cli.runtime import atomic_output
from genpas_cli.runtime.object_storage.locations import file_digest
from tests.support import small_log

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="a descriptor's path is read in /proc")


class Call(NamedTuple):
    """A call that decides what a power cut leaves."""

    kind: str
    """`sync` or `rename`."""
    path: Path
    """What is synced, or the new name."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls of what runs in the test, in order."""
    found: list[Call] = []
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        found.append(Call("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def renaming(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Any, target: Any, **keywords: Any) -> Any:
            found.append(Call("rename", Path(target)))
            return function(source, target, **keywords)

        return call

    monkeypatch.setattr(os, "fsync", synced)
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, renaming(getattr(os, name)))
    monkeypatch.setattr(atomic_output, "_exchange", renaming(atomic_output._exchange))
    return found


def check_order(calls: list[Call], output: Path, made: list[Path]) -> None:
    """Check that all that was made is synced under its temporary name, then renamed, then that name is synced."""
    new = output.with_name(f".{output.name}.genpas-new")
    (renamed,) = (n for n, call in enumerate(calls) if call == Call("rename", output))
    before = {call.path for call in calls[:renamed] if call.kind == "sync"}
    assert before >= {new if path == output else new / path.relative_to(output) for path in made}
    assert Call("sync", output.parent) in calls[renamed:]
    assert not any(call.path.is_relative_to(new) for call in calls[renamed:])


@pytest.mark.parametrize("replaces", [False, True], ids=["new", "replaced"])
def test_a_pairs_directory_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, calls: list[Call], *, replaces: bool
) -> None:
    (tmp_path / "log.csv").write_text(small_log(), encoding="utf-8")
    ingest(tmp_path / "log.csv", tmp_path / "log.store")
    output = tmp_path / "out.pairs"
    if replaces:
        augment(tmp_path / "log.store", output, AugmentOptions(seed=1))
    calls.clear()
    augment(tmp_path / "log.store", output, AugmentOptions(shard_rows=100), force=replaces)
    made = [path for path in output.rglob("*") if path.name != ".genpas"]
    assert {path.name for path in made} > {"manifest.json", "items.parquet", "README.md", "data"}
    check_order(calls, output, [output, *made])


@pytest.mark.parametrize("replaces", [False, True], ids=["new", "replaced"])
def test_a_store_is_on_the_disk_before_it_has_its_name(tmp_path: Path, calls: list[Call], *, replaces: bool) -> None:
    output = tmp_path / "out.store"
    for seed in (1, 2)[1 - replaces :]:
        (tmp_path / "log.csv").write_text(small_log(seed=seed), encoding="utf-8")
        calls.clear()
        ingest(tmp_path / "log.csv", output, force=replaces)
    check_order(calls, output, [output])


def test_a_shard_that_does_not_reach_the_disk_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a journal lists has survived: `--resume` takes it as it is."""
    (tmp_path / "a.parquet").write_bytes(b"rows")
    shard = ShardFile("a.parquet", "train", 1, 4, file_digest(tmp_path / "a.parquet"))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(MachineError, match="Input/output error"):
        FinishedShards(tmp_path).add(shard)
    monkeypatch.undo()
    assert FinishedShards(tmp_path).files == {}
    FinishedShards(tmp_path).add(shard)
    assert FinishedShards(tmp_path).files == {"a.parquet": shard}


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path: Path, calls: list[Call]) -> None:
    checkpoint = pytest.importorskip("genpas_cli.training.runs.checkpoint", reason="the extra `train` is not installed")
    checkpoint.save(tmp_path / "checkpoint.pt", {"step": 1})
    assert calls == [
        Call("sync", tmp_path / "checkpoint.pt.new"), Call("rename", tmp_path / "checkpoint.pt"),
    ]  # fmt: skip
