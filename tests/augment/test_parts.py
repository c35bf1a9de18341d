"""`augment --part` and `merge`: N machines make what one would have made; and `--resume` after a stop."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import (
    AugmentOptions,
    DataError,
    ExportOptions,
    IngestOptions,
    IntegrityError,
    MachineError,
    MergeReport,
    UsageError,
    augment,
    export,
    ingest,
    merge,
    plan,
    verify,
)
from genpas_cli.augment import job
from genpas_cli.augment.engines import local
from genpas_cli.pairs.shards import FinishedShards, write_shard
from genpas_cli.runtime.atomic_output import unfinished
from tests.support import identity, rewrite, small_log, snapshot, unchanged

DATA_SETS = {
    "balanced": {"pairs": "500", "shard_rows": 70},
    "independent, ids of users": {"pairs": "500", "shard_rows": 70, "draw": "independent", "user_ids": "raw"},
    "enumerated": {"strategy": "slide-window", "shard_rows": 300},
    "three epochs": {"epochs": 3, "shard_rows": 90},
    "users together": {"order": "user", "shard_rows": 90},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 60 users; it keeps a column."""
    root = tmp_path_factory.mktemp("log")
    (root / "log.csv").write_text(small_log(60), encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=("timestamp",)))
    return root / "log.store"


def parts_of(store: Path, output: Path, options: AugmentOptions, count: int) -> list[Path]:
    """Make all parts, in no order, and return their directories."""
    numbers = list(range(1, count + 1))
    random.Random(count).shuffle(numbers)
    return [Path(augment(store, output, options, part=f"{number}/{count}").output) for number in numbers]


@pytest.mark.parametrize("count", [1, 3, 16], ids=["one part", "three parts", "more parts than shards"])
@pytest.mark.parametrize("kind", DATA_SETS)
def test_merged_parts_are_what_one_run_makes(store: Path, tmp_path: Path, kind: str, count: int) -> None:
    options = AugmentOptions(**DATA_SETS[kind])  # type: ignore[arg-type]  # literals
    whole = augment(store, tmp_path / "whole.pairs", options)
    report = merge(parts_of(store, tmp_path / "out.pairs", options, count))
    assert identity(tmp_path / "out.pairs") == identity(tmp_path / "whole.pairs")
    assert report == MergeReport(
        str(tmp_path / "out.pairs"), count, whole.pairs, whole.files, whole.bytes, report.seconds
    )
    verify(tmp_path / "out.pairs", store=store)


def test_a_part_is_a_run_of_neighbouring_shards_and_parts_are_alike(store: Path) -> None:
    options = AugmentOptions(pairs="500", shard_rows=10)
    whole = plan(store, options)
    plans = [plan(store, options, part=f"{number}/4") for number in range(1, 5)]
    assert [each["part"] for each in (whole, *plans)] == [None, "1/4", "2/4", "3/4", "4/4"]
    counts = [sum(each["shards"].values()) for each in plans]
    assert sum(counts) == sum(whole["shards"].values()) == 62
    assert max(counts) - min(counts) <= 1
    assert sum(each["bytes"] for each in plans) == pytest.approx(whole["bytes"], rel=0.01)
    assert plans[0]["shards"] == {"train": 15, "validation": 0, "test": 0}


def test_merge_leaves_the_parts_and_takes_no_space_for_a_second_copy(store: Path, tmp_path: Path) -> None:
    parts = parts_of(store, tmp_path / "out.pairs", AugmentOptions(shard_rows=90), 2)
    before = [snapshot(part) for part in parts]
    merge(parts)
    assert [snapshot(part) for part in parts] == before
    for part in parts:
        for file in (part / "data").iterdir():
            assert file.samefile(tmp_path / "out.pairs" / "data" / file.name)


def test_parts_on_another_file_system_are_copied(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(store, tmp_path / "out.pairs", AugmentOptions(shard_rows=90), 2)
    merge(parts, tmp_path / "linked.pairs")

    def no_link(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link", source, None, target)

    monkeypatch.setattr(os, "link", no_link)
    merge(parts, tmp_path / "copied.pairs")
    assert identity(tmp_path / "copied.pairs") == identity(tmp_path / "linked.pairs")
    assert not (tmp_path / "copied.pairs" / "items.parquet").samefile(tmp_path / "linked.pairs" / "items.parquet")


def test_parts_that_make_no_data_set(store: Path, tmp_path: Path) -> None:
    first, second, third = sorted(parts_of(store, tmp_path / "out.pairs", AugmentOptions(shard_rows=50), 3))
    before = snapshot(tmp_path)
    with pytest.raises(IntegrityError, match=r"1 of 3 parts missing: 2/3") as error:
        merge([third, first])
    assert "--part 2/3" in str(error.value.tip)
    with pytest.raises(UsageError, match=r"are the same part 1/3"):
        merge([first, second, third, first])
    with pytest.raises(DataError, match=r"not a part"):
        merge([first, second, store.parent])
    with pytest.raises(DataError, match=r"no such directory"):
        merge([first, second, tmp_path / "nosuch"])
    assert snapshot(tmp_path) == before


def test_the_merged_set_does_not_replace_a_part(store: Path, tmp_path: Path) -> None:
    parts = parts_of(store, tmp_path / "out.pairs", AugmentOptions(shard_rows=90), 2)
    with unchanged(tmp_path), pytest.raises(UsageError, match="is one of the parts"):
        merge(parts, parts[0], force=True)


def test_parts_of_two_data_sets(store: Path, tmp_path: Path) -> None:
    first, second = sorted(parts_of(store, tmp_path / "a.pairs", AugmentOptions(shard_rows=50), 2))
    options = {"seed": AugmentOptions(shard_rows=50, seed=1), "shard_rows": AugmentOptions(shard_rows=60)}
    for key, changed in options.items():
        other = Path(augment(store, tmp_path / f"{key}.pairs", changed, part="2/2").output)
        with pytest.raises(UsageError, match=f"parts of different data sets: {key} differs"):
            merge([first, other], tmp_path / "out.pairs")
    other = Path(augment(store, tmp_path / "a.pairs", AugmentOptions(shard_rows=50), part="2/3").output)
    with pytest.raises(UsageError, match="number of parts differs"):
        merge([first, second, other], tmp_path / "out.pairs")
    assert not (tmp_path / "out.pairs").exists()


@pytest.mark.parametrize("damage", ["changed", "gone", "a manifest without a shard"])
def test_a_damaged_part(store: Path, tmp_path: Path, damage: str) -> None:
    parts = parts_of(store, tmp_path / "out.pairs", AugmentOptions(shard_rows=50), 2)
    shard = min((parts[0] / "data").iterdir())
    if damage == "gone":
        shard.unlink()
    elif damage == "changed":
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    else:
        rewrite(
            parts[0] / "part.json",
            lambda part: part.update(files=[file for file in part["files"] if shard.name not in file["path"]]),
        )
    with pytest.raises(
        IntegrityError, match="do not form a complete" if damage.startswith("a man") else "part ./2 is damaged"
    ):
        merge(parts)
    assert not (tmp_path / "out.pairs").exists()


def test_a_part_is_no_data_set(store: Path, tmp_path: Path) -> None:
    part = augment(store, tmp_path / "out.pairs", part="1/2").output
    for use in (
        lambda: verify(part),
        lambda: export(part, tmp_path / "out", ExportOptions(to="jsonl")),
        lambda: augment(part),
    ):
        with pytest.raises(DataError, match=r"part of a data set|is a pairs directory"):
            use()


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part(store: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--part is"):
        augment(store, tmp_path / "out.pairs", part=text)


# -------------------------------------------------------------------------------------------------------------- resume


class Fails:
    """Writes shards until its turn comes to fail."""

    def __init__(self, at: int) -> None:
        self._left, self.written = at, list[str]()

    def __call__(self, directory: Path, name: str, *arguments: Any) -> int:
        """Write, or fail as on a full disk."""
        if self._left == 0:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(b"half a shard")
            raise MachineError("no space left on the disk")
        self._left -= 1
        self.written.append(name)
        return write_shard(directory, name, *arguments)


def stopped(
    store: Path, output: Path, monkeypatch: pytest.MonkeyPatch, at: int, options: AugmentOptions | None = None,
    **how: Any,
) -> list[str]:  # fmt: skip
    """Run until a shard fails; return the names of those that were written before."""
    fails = Fails(at)
    with monkeypatch.context() as patch:
        patch.setattr(local, "write_shard", fails)
        with pytest.raises(MachineError):
            augment(store, output, options or OPTIONS, **{"resume": True} | how)
    return fails.written


OPTIONS = AugmentOptions(pairs="500", shard_rows=70, threads=1)


@pytest.mark.parametrize("part", [None, "2/2"])
def test_a_stopped_run_goes_on_shard_by_shard_to_the_same_bytes(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str | None
) -> None:
    whole = Path(augment(store, tmp_path / "whole.pairs", OPTIONS, part=part).output)
    output, written = tmp_path / "out.pairs", list[str]()
    for at in (0, 2, 1):
        written += stopped(store, output, monkeypatch, at, part=part)
    last = Fails(99)
    monkeypatch.setattr(local, "write_shard", last)
    report = augment(store, output, OPTIONS, part=part, resume=True)
    assert report.resumed == len(written) == len(set(written)) == 3
    assert not set(written) & set(last.written)
    assert report.files == 3 + len(last.written)
    made = Path(report.output)
    assert {k: v for k, v in snapshot(made).items() if k.startswith("data/")} == {
        k: v for k, v in snapshot(whole).items() if k.startswith("data/")
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([made.name, whole.name])
    if part is None:
        assert identity(made) == identity(whole)


def test_without_resume_nothing_is_kept_and_a_new_run_begins_anew(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.pairs"
    stopped(store, output, monkeypatch, 3, resume=False)
    assert list(tmp_path.iterdir()) == []
    stopped(store, output, monkeypatch, 3)
    assert unfinished(output).is_dir()
    assert augment(store, output, OPTIONS).resumed == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.pairs"]


def test_what_is_kept_is_of_the_same_log_and_options(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.pairs"
    stopped(store, output, monkeypatch, 3)
    with pytest.raises(UsageError, match="--seed is 1, but the interrupted run had 0"):
        augment(store, output, AugmentOptions(pairs="500", shard_rows=70, seed=1), resume=True)
    (tmp_path / "log.csv").write_text(small_log(60, seed=1), encoding="utf-8")
    with pytest.raises(IntegrityError, match="used another log"):
        augment(tmp_path / "log.csv", output, OPTIONS, resume=True)
    monkeypatch.setattr(job, "library_versions", lambda: {"genpas": "0", "numpy": "1"})
    with pytest.raises(UsageError, match="the interrupted run used genpas"):
        augment(store, output, OPTIONS, resume=True)
    assert unfinished(output).is_dir()


def test_a_log_that_is_read_again_goes_on_too(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, output = store.parent / "log.csv", tmp_path / "out.pairs"
    fresh = tmp_path / "log.store"
    ingest(log, fresh)
    stopped(fresh, output, monkeypatch, 2)
    assert augment(log, output, OPTIONS, resume=True).resumed == 2


@pytest.mark.parametrize("harm", ["a line cut short", "a shard cut short", "a shard gone"])
def test_what_a_kill_may_leave_is_made_again(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    whole, output = tmp_path / "whole.pairs", tmp_path / "out.pairs"
    augment(store, whole, OPTIONS)
    written = stopped(store, output, monkeypatch, 3)
    work = unfinished(output)
    if harm == "a line cut short":
        journal = work / "shards.jsonl"
        journal.write_bytes(journal.read_bytes()[:-20])
    elif harm == "a shard cut short":
        (work / written[0]).write_bytes(b"")
    else:
        (work / written[0]).unlink()
    assert len(FinishedShards(work).files) == 2
    stopped(store, output, monkeypatch, 1)
    assert len(FinishedShards(work).files) == 3
    assert augment(store, output, OPTIONS, resume=True).resumed == 3
    assert identity(output) == identity(whole)


def test_an_output_that_exists_stays_until_the_resumed_run_ends(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.pairs"
    augment(store, output, AugmentOptions(seed=9))
    before = snapshot(output)
    stopped(store, output, monkeypatch, 3, force=True)
    assert snapshot(output) == before
    with pytest.raises(UsageError, match="exists"):
        augment(store, output, OPTIONS, resume=True)
    assert augment(store, output, OPTIONS, resume=True, force=True).resumed == 3
    shutil.rmtree(output)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", [None, "2/2"])
def test_what_is_whole_already_is_left_as_it_is(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str | None
) -> None:
    """A scheduler may run a job again that had ended well."""
    output = tmp_path / "out.pairs"
    first = augment(store, output, OPTIONS, part=part, resume=True)
    before = snapshot(tmp_path)
    monkeypatch.setattr(local, "write_shard", Fails(0))
    again = augment(store, output, OPTIONS, part=part, resume=True)
    assert snapshot(tmp_path) == before
    assert (again.pairs, again.files, again.bytes) == (first.pairs, first.files, first.bytes)
    assert (first.resumed, again.resumed) == (0, first.files)
    with pytest.raises(UsageError, match=r"out\.pairs.* already exists, and was made with seed 0, not 1"):
        augment(store, output, AugmentOptions(seed=1), part=part, resume=True)
    with pytest.raises(UsageError, match="already exists, and was made with another value of strategy; see its"):
        augment(store, output, AugmentOptions(alpha=3), part=part, resume=True)
    with pytest.raises(UsageError, match="exists"):
        augment(store, output, OPTIONS, part=part)


def test_what_is_whole_no_more_is_not_left_as_it_is(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.pairs"
    augment(store, output, OPTIONS, resume=True)
    shard = min((output / "data").iterdir())
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    with (
        unchanged(tmp_path),
        pytest.raises(IntegrityError, match=f"damaged: data/{shard.name} does not match the manifest") as caught,
    ):
        augment(store, output, OPTIONS, resume=True)
    assert caught.value.tip == "Remove --resume, and overwrite the output: --force"
    augment(store, output, OPTIONS, force=True)
    verify(output)
