"""One run at a time writes to a prefix; what a killed one left is no data set, and the next one removes it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import AugmentOptions, MachineError, UsageError, augment, verify
from genpas_cli.augment import outputs
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.object_storage import claims, remote
from genpas_cli.runtime.object_storage.claims import Claim
from genpas_cli.runtime.object_storage.remote import find
from tests.object_storage.conftest import Bucket
from tests.support import Genpas, refused, snapshot

OPTIONS = ("--pairs", "20000", "--shard-rows", "1500")


def published(bucket: Bucket, prefix: str) -> list[str]:
    """Return the objects below a prefix that are no run's own."""
    return [key for key in bucket.objects() if key.startswith(f"{prefix}/") and ".genpas-run-" not in key]


def own(bucket: Bucket) -> list[str]:
    """Return the objects that runs have not published."""
    return [key for key in bucket.objects() if ".genpas-run-" in key]


def test_of_two_runs_at_once_one_is_refused_before_it_writes(bucket: Bucket, store: Path, genpas: Genpas) -> None:
    there = f"s3://{bucket.name}/out.pairs"
    for _ in range(2):
        runs = [genpas.start("augment", store, "-o", there, *OPTIONS) for _ in range(2)]
        said = [run.communicate(timeout=120)[1].decode() for run in runs]
        assert sorted(run.returncode for run in runs) == [0, 2], said
        refusal = next(text for run, text in zip(runs, said, strict=True) if run.returncode == 2)
        assert "another genpas process is writing" in refusal or f"{there} already exists" in refusal
        assert verify(there).rows > 20_000
        assert own(bucket) == []
        bucket.system.delete_dir_contents(bucket.name)


def test_a_run_that_is_being_refused_does_not_stop_the_one_that_writes(bucket: Bucket) -> None:
    """At each of its attempts it has a claim for a moment, and the other one may look just then."""
    there = f"s3://{bucket.name}/out.pairs"
    writing = Claim(there)
    assert writing.acquire() == []
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(Claim(there).acquire)
        seen = [writing.is_only_one()]
        while not late.done():
            seen.append(writing.is_only_one())
    assert all(seen)
    assert isinstance(late.exception(), UsageError)


def test_a_prefix_that_is_claimed(bucket: Bucket, store: Path, genpas: Genpas) -> None:
    there = f"s3://{bucket.name}/out.pairs"
    claim = Claim(there)
    assert claim.acquire() == []
    done = genpas("augment", store, "-o", there)
    refused(done, 2, f"another genpas process is writing {there}", f"on {socket.gethostname()}", "-o")
    assert own(bucket) == [f"out.pairs/{claim.name}/claim.json"]
    assert published(bucket, "out.pairs") == []


def claim_of(bucket: Bucket, **process: Any) -> str:
    """Write the claim of some run, and a shard of it."""
    base = "out.pairs/.genpas-run-0"
    bucket.put(f"{base}/claim.json", json.dumps(process).encode())
    bucket.put(f"{base}/data/train-00000-of-00002.parquet.part", b"shard")
    return base


def test_the_claim_of_a_dead_process_ends_at_once(bucket: Bucket, store: Path) -> None:
    dead = subprocess.Popen(["sleep", "100"])  # noqa: S607  # found by PATH
    process = {"machine": claims._machine(), "pid": dead.pid, "started": claims._started(dead.pid), "host": "here"}
    claim_of(bucket, **process)
    with pytest.raises(UsageError, match=f"process {dead.pid} on here"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    dead.kill()
    dead.wait()
    augment(store, f"s3://{bucket.name}/out.pairs")
    assert own(bucket) == []


def test_a_process_that_was_started_later_is_another_one_of_the_same_number(bucket: Bucket, store: Path) -> None:
    claim_of(bucket, machine=claims._machine(), pid=os.getpid(), started="1", host="here")
    augment(store, f"s3://{bucket.name}/out.pairs")
    assert own(bucket) == []


def test_the_claim_of_another_machine_ends_when_it_is_not_renewed(
    bucket: Bucket, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_of(bucket, machine="another", pid=1, started="1", host="there")
    with pytest.raises(UsageError, match="process 1 on there"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    monkeypatch.setattr(claims, "_LAPSE_SECONDS", 1.0)
    time.sleep(2.1)
    augment(store, f"s3://{bucket.name}/out.pairs")
    assert own(bucket) == []


def test_what_a_run_had_named_when_it_was_killed_is_removed_if_it_is_still_its_own(bucket: Bucket, store: Path) -> None:
    claim_of(bucket)
    bucket.put("out.pairs/data/train-00000-of-00002.parquet", b"other")
    with pytest.raises(UsageError, match=r"contains other files: data/train-00000-of-00002\.parquet"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    bucket.put("out.pairs/data/train-00000-of-00002.parquet", b"shard")
    bucket.system.delete_file(f"{bucket.name}/out.pairs/.genpas-run-0/claim.json")
    augment(store, f"s3://{bucket.name}/out.pairs")
    assert "out.pairs/data/train-00000-of-00002.parquet" not in bucket.objects()
    verify(f"s3://{bucket.name}/out.pairs")


def test_a_run_whose_claim_was_not_renewed_in_time_publishes_nothing(
    bucket: Bucket, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_LEASE_SECONDS", -1.0)
    with pytest.raises(MachineError, match="the object storage was unreachable"):
        augment(store, f"s3://{bucket.name}/out.pairs")
    assert bucket.objects() == []


@pytest.mark.parametrize("name", ["manifest.json", "items.parquet"])
def test_a_copy_that_fails_publishes_nothing(
    bucket: Bucket, store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(source: str, target: str) -> None:
        if target.endswith(name):
            raise MachineError(f"cannot write {target}")
        remote.copied(source, target)

    monkeypatch.setattr(outputs, "copied", fails)
    with pytest.raises(MachineError, match="cannot write s3"):
        augment(store, f"s3://{bucket.name}/out.pairs", AugmentOptions(pairs="20000", shard_rows=1500))
    assert bucket.objects() == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_nothing(bucket: Bucket, store: Path, genpas: Genpas, signum: int) -> None:
    run = genpas.start("augment", store, "-o", f"s3://{bucket.name}/out.pairs", "--pairs", "2000x")
    while not own(bucket):
        time.sleep(0.02)
    run.send_signal(signum)
    said = run.communicate(timeout=30)[1].decode()
    assert run.returncode == 128 + signum, said
    assert bucket.objects() == []
    assert snapshot(genpas.temp_dir) == {}


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment(bucket: Bucket, store: Path, genpas: Genpas) -> None:
    """Globs find a whole data set or nothing, but for the moment in which names are given; the next run succeeds."""
    began = time.monotonic()
    assert genpas("augment", store, "-o", f"s3://{bucket.name}/whole.pairs", *OPTIONS).returncode == 0
    took, whole = time.monotonic() - began, published(bucket, "whole.pairs")
    rng, naming = random.Random(0), 0
    for number in range(12):
        prefix = f"{number}.pairs"
        run = genpas.start("augment", store, "-o", f"s3://{bucket.name}/{prefix}", *OPTIONS)
        time.sleep(took * rng.uniform(0.3, 1.0))
        run.kill()
        run.communicate()
        found = published(bucket, prefix)
        if f"{prefix}/manifest.json" in found:
            assert len(found) == len(whole)
            verify(f"s3://{bucket.name}/{prefix}")
            continue
        naming += any(fnmatchcase(key, f"{prefix}/data/*.parquet") for key in found)
        with pytest.raises(DataError):
            verify(f"s3://{bucket.name}/{prefix}")
        done = genpas("augment", store, "-o", f"s3://{bucket.name}/{prefix}", *OPTIONS)
        assert done.returncode == 0, done.stderr
        assert len(published(bucket, prefix)) == len(whole)
        assert [key for key in own(bucket) if key.startswith(f"{prefix}/")] == []
    assert naming <= 3


# ---------------------------------------------------------------------------------------------------------------- names

ODD = (
    "a[1].csv", "a[!x].csv", "a*.csv", "a?.csv", "**", "a%20b.csv", "a%.csv", "a%2Fb.csv", "a+b.csv", "a b.csv",
    " a.csv", "a .csv", "é漢.csv", "e\u0301.csv", "a#b.csv", "a&b.csv", "a=b.csv", "a:b.csv", "a;b.csv", "a,b.csv",
    "a@b.csv",
    "a$b.csv", "a'b.csv", 'a"b.csv', "a(b).csv", "a{b}.csv", "a~b.csv", "a!b.csv", "a|b.csv", "a\\b.csv", "a<b>.csv",
    "a^b.csv", "a`b.csv", "-", "--force", "...", "..a.csv", "x" * 300 + ".csv", "deep/a[1]/b*.csv", "a?x=1&y=2.csv",
)  # fmt: skip


def test_keys_are_names(bucket: Bucket, genpas: Genpas) -> None:
    """Each is one user's log, beside a key that a pattern of this name would match."""
    for number, key in enumerate(ODD):
        bucket.put(f"logs/{key}", f"user_id,item_id\n{number},a\n{number},b\n{number},c\n".encode())
    for key in ("a1.csv", "ax.csv", "a.csv", "a/b.csv"):
        bucket.put(f"logs/{key}", b"user_id,item_id\nwrong,a\nwrong,b\nwrong,c\n")
    names = [f"s3://{bucket.name}/logs/{key}" for key in ODD]
    assert [[file.uri for file in find(name)] for name in names] == [[name] for name in names]
    done = genpas("augment", *names, "-o", "log.pairs", "--user-ids", "raw", "--split", "none")
    assert done.returncode == 0, done.stderr
    import pyarrow.parquet as pq

    assert sorted(pq.read_table(genpas.cwd / "log.pairs" / "users.parquet").column("user_id").to_pylist(), key=int) == [
        str(number) for number in range(len(ODD))
    ]


@pytest.mark.parametrize("prefix", ["a[1]", "day=*", "a b+c%20", "é漢#1", "x?y"])
def test_prefixes_are_names(bucket: Bucket, store: Path, prefix: str) -> None:
    there = f"s3://{bucket.name}/{prefix}/out.pairs"
    bucket.put("a1/out.pairs/manifest.json", b"another")
    bucket.put(f"{prefix}/log.csv", b"user_id,item_id\n")
    assert [file.uri for file in find(f"s3://{bucket.name}/{prefix}")] == [f"s3://{bucket.name}/{prefix}/log.csv"]
    augment(store, there)
    assert verify(there).rows > 0


@pytest.mark.parametrize("key", ["a//b.csv", "/a.csv", "a/../b.csv", "./a.csv", "a/.."])
def test_keys_that_cannot_be_addressed_are_refused(bucket: Bucket, genpas: Genpas, key: str) -> None:
    bucket.put("b.csv", b"user_id,item_id\nwrong,a\n")
    for command in (("ingest", f"s3://{bucket.name}/{key}", "-o", "x"), ("verify", f"s3://{bucket.name}/{key}")):
        refused(genpas(*command), 1, f"s3://{bucket.name}/{key}", "a key must not contain an empty part")


def test_no_bucket_and_no_access(bucket: Bucket, store: Path, genpas: Genpas) -> None:
    for command in (
        ("ingest", "s3://no-such-bucket/x", "-o", "x.store"), ("verify", "s3://no-such-bucket/x"),
        ("augment", store, "-o", "s3://no-such-bucket/x"),
    ):  # fmt: skip
        refused(genpas(*command), 1, "the bucket 'no-such-bucket' does not exist")
    del bucket
