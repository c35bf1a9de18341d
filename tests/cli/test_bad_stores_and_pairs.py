"""Stores and pairs that cannot be used, or do not agree: one clear message, nothing written and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from genpas_cli.pairs.manifest import identity_of
from tests.support import Genpas, InProcess, refused, rewrite, small_log, unchanged

DATA, INTEGRITY = 1, 4


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


def test_a_misspelt_store_or_directory_is_guessed(inside: InProcess, store: Path, pairs: Path) -> None:
    shutil.copy(store, inside.cwd / "shop.store")
    shutil.copytree(pairs, inside.cwd / "shop.pairs")
    refused(inside("verify", "shop.pairs", "--store", "shp.store"), DATA, "no such store", "Did you mean shop.store?")
    refused(inside("verify", "shp.pairs"), DATA, "no such directory: shp.pairs", "Did you mean shop.pairs?")
    # A name that is like another only is no advice if that is another kind of thing.
    refused(inside("verify", "shop.pairs", "--store", "shop.stores"), DATA, "Did you mean shop.store?")
    refused(inside("verify", "market.pairs"), DATA, "make one: genpas augment LOGS")


def test_damaged_pairs_are_made_again_by_the_command_that_is_advised(inside: InProcess, store: Path) -> None:
    inside("augment", store, "-o", "out.pairs", "--alpha", "0.5", "--seed", "7")
    manifest = inside.cwd / "out.pairs/manifest.json"
    before = json.loads(manifest.read_bytes())
    shard(inside.cwd / "out.pairs").write_bytes(b"")
    tip = inside("verify", "out.pairs").stderr.splitlines()[-1]
    inside(*tip.partition(": genpas ")[2].replace("SOURCE", str(store)).split())
    assert inside("verify", "out.pairs", "--store", store).returncode == 0
    assert identity_of(json.loads(manifest.read_bytes())) == identity_of(before)


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
