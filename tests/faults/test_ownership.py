"""What genpas did not make is neither overwritten, nor used, nor removed; what it made is, with --force."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from genpas_cli.augment import job
from tests.support import InProcess, refused, rewrite, snapshot, unchanged

USAGE, INTEGRITY = 2, 4


# --------------------------------------------------------------------------------------------------------- directories


def behind_a_link(path: Path) -> None:
    """Move a file or directory to where the output lies, and put a link in its place."""
    moved = path.rename(path.parent.parent / path.name)
    path.symlink_to(moved)


FOREIGN_IN_PAIRS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file beside the manifest": (lambda path: (path / "notes.txt").write_text("mine"), "notes.txt"),
    "a file among the shards": (lambda path: (path / "data" / "mine.parquet").write_text("mine"), "data/mine.parquet"),
    "a hidden file": (lambda path: (path / ".env").write_text("mine"), ".env"),
    "a file deep below": (
        lambda path: shutil.copytree(path / "data", path / "src" / "deep"),
        "src/deep/",
    ),
    "a link to a file": (lambda path: (path / "link").symlink_to(path / "manifest.json"), "link"),
    "a link to a directory": (lambda path: (path / "folder").symlink_to(path / "data"), "folder"),
    "a pipe": (lambda path: os.mkfifo(path / "pipe"), "pipe"),
    "a data card with notes": (lambda path: (path / "README.md").write_text("mine"), "README.md was changed"),
    "a file replaced by a link": (lambda path: behind_a_link(path / "items.parquet"), "items.parquet"),
    "a manifest that was edited": (
        lambda path: (path / "manifest.json").write_text(
            (path / "manifest.json").read_text("utf-8").replace('"seed": 0', '"seed": 7')
        ),
        "manifest.json",
    ),
    "the manifest of another program": (
        lambda path: (path / "manifest.json").write_text('{"manifest_version": 3, "name": "an extension"}'),
        "manifest.json",
    ),
    "no manifest": (lambda path: (path / "manifest.json").unlink(), "no manifest.json"),
}


@pytest.mark.parametrize("case", FOREIGN_IN_PAIRS)
@pytest.mark.parametrize("command", ["augment", "merge"])
def test_force_overwrites_no_pairs_directory_with_something_else_in_it(
    inside: InProcess, made: Path, case: str, command: str
) -> None:
    arguments: list[str | Path] = [made / "log.store"]
    if command == "merge":
        assert inside("augment", made / "log.store", "-o", "p", "--part", "1/1").returncode == 0
        arguments = ["p.part-1-of-1"]
    shutil.copytree(made / "log.pairs", inside.cwd / "out.pairs")
    change, named = FOREIGN_IN_PAIRS[case]
    change(inside.cwd / "out.pairs")
    with unchanged(inside.cwd):
        done = inside(command, *arguments, "-o", "out.pairs", "--force")
        refused(done, USAGE, "out.pairs already exists", "genpas does not overwrite it", named)


def test_force_overwrites_what_genpas_made(inside: InProcess, made: Path) -> None:
    store, pairs = made / "log.store", inside.cwd / "out.pairs"
    for options in (("--seed", "1"), ("--seed", "2", "--form", "cuts"), ("--epochs", "2"), ("--user-ids", "raw"), ()):
        done = inside("augment", store, "-o", pairs, "--force", *options)
        assert done.returncode == 0, done.stderr
    assert snapshot(pairs).keys() == snapshot(made / "log.pairs").keys()
    (inside.cwd / "empty").mkdir()
    assert inside("augment", store, "-o", "empty", "--force").returncode == 0


def test_what_is_put_there_meanwhile_is_kept(inside: InProcess, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of hours looks again before it takes the name."""
    from genpas_cli.pairs import manifest

    assert inside("augment", made / "log.store", "-o", "out.pairs").returncode == 0
    write = manifest.write_manifest

    def meanwhile(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        (inside.cwd / "out.pairs" / "thesis.tex").write_text("years of work")

    monkeypatch.setattr(job, "write_manifest", meanwhile)
    done = inside("augment", made / "log.store", "-o", "out.pairs", "--force")
    refused(done, USAGE, "thesis.tex")
    assert (inside.cwd / "out.pairs" / "thesis.tex").read_text() == "years of work"
    assert [path.name for path in inside.cwd.iterdir()] == ["out.pairs"]


# -------------------------------------------------------------------------------------------------------------- stores


def database(path: Path, *statements: str) -> None:
    """Run statements in a DuckDB file, and leave no log beside it."""
    with duckdb.connect(str(path)) as con:
        for statement in statements:
            con.execute(statement)


FOREIGN_STORES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "another database": (lambda path, _: database(path, "create table customers as select 1 x"), "not a genpas store"),
    "an empty database": (lambda path, _: database(path), "not a genpas store"),
    "one with a table called meta": (
        lambda path, _: database(path, "create table meta as select 'format_version' as key, 1 as value"),
        "not a genpas store",
    ),
    "a store with a further table": (
        lambda path, store: database(Path(shutil.copy(store, path)), "create table notes as select 1 x"),
        "notes",
    ),
    "a store with a view": (
        lambda path, store: database(Path(shutil.copy(store, path)), "create view mine as select 1 x"),
        "mine",
    ),
    "a text": (lambda path, _: path.write_text("thesis"), "not a store"),
    "a log": (lambda path, store: shutil.copy(store.parent / "log.csv", path), "not a store"),
    "a link to a store": (lambda path, store: path.symlink_to(store), "not a file"),
    "a damaged store": (
        lambda path, store: path.write_bytes(store.read_bytes()[:5000]),
        "cannot be opened",
    ),
    "a directory": (lambda path, _: path.mkdir(), "not a file"),
}


@pytest.mark.parametrize("case", FOREIGN_STORES)
@pytest.mark.parametrize("command", ["ingest", "augment --store"])
def test_force_overwrites_no_file_that_is_not_a_store(inside: InProcess, made: Path, case: str, command: str) -> None:
    make, named = FOREIGN_STORES[case]
    make(inside.cwd / "out.store", made / "log.store")
    option = ("-o", "out.store") if command == "ingest" else ("--store", "out.store", "-o", "x.pairs")
    with unchanged(inside.cwd, made):
        done = inside(command.split(maxsplit=1)[0], made / "log.csv", *option, "--force")
        refused(done, USAGE, "out.store already exists", "genpas does not overwrite it", named)


def test_force_overwrites_a_store(inside: InProcess, log: Path) -> None:
    for options in ((), ("--force",), ("--force", "--split", "none")):
        assert inside("ingest", log, "-o", "out.store", *options).returncode == 0
    (inside.cwd / "empty.store").touch()
    assert inside("ingest", log, "-o", "empty.store", "--force").returncode == 0


def test_force_overwrites_no_file_that_is_not_of_rejects(inside: InProcess, log: Path) -> None:
    (inside.cwd / "bad.csv").write_text(log.read_text() + "one,two\n")
    (inside.cwd / "o.store.rejects.csv").write_text("my,own,file\n1,2,3\n")
    arguments = ("ingest", "bad.csv", "-o", "o.store", "--bad-rows", "skip", "--force")
    with unchanged(inside.cwd):
        refused(inside(*arguments), USAGE, "o.store.rejects.csv")
    (inside.cwd / "o.store.rejects.csv").unlink()
    for _ in range(2):
        assert inside(*arguments).returncode == 0


# ------------------------------------------------------------------------------------------------------------- exports

TEXTS = {
    "a thesis": "\\documentclass{article}\n",
    "a log": "user_id,item_id,timestamp\n1,2,3\n",
    "a log of JSON Lines": '{"user_id": 1, "item_id": 2}\n',
    "pairs and more": '{"input_items": [1], "target_item": 2, "comment": "mine"}\n',
    "sequences": "1 5 7 9\n",
    "numbers": "1\n2\n",
    "bytes": "\x00\x01\x02",
    "an open bracket": "[" * 100_000,
}


@pytest.mark.parametrize("to", ["jsonl", "csv", "arrow", "npz", "safetensors", "sequences"])
def test_force_overwrites_no_file_that_export_did_not_write(inside: InProcess, pairs: Path, to: str) -> None:
    for text in TEXTS.values():
        (inside.cwd / "out").write_text(text)
        with unchanged(inside.cwd):
            done = inside("export", pairs, "--to", to, "--split", "test", "-o", "out", "--force")
            refused(done, USAGE, "out already exists", "genpas does not overwrite it")
    (inside.cwd / "out").write_bytes(b"")
    done = inside("export", pairs, "--to", to, "--split", "test", "-o", "out", "--force")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("to", ["jsonl", "csv", "arrow", "npz", "safetensors"])
def test_force_overwrites_a_file_that_export_wrote(inside: InProcess, pairs: Path, to: str) -> None:
    for options in ((), ("--ids", "num"), ("--columns", "input_items,target_item"), ("--split", "validation")):
        split = options if "--split" in options else ("--split", "test", *options)
        done = inside("export", pairs, "--to", to, *split, "-o", "out", "--force")
        assert done.returncode == 0, done.stderr


def test_an_export_directory_with_something_else_in_it(inside: InProcess, pairs: Path) -> None:
    assert inside("export", pairs, "--to", "jsonl", "-o", "out").returncode == 0
    (inside.cwd / "out" / "thesis.tex").write_text("years of work")
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", "csv", "-o", "out", "--force"), USAGE, "thesis.tex")
    (inside.cwd / "out" / "thesis.tex").unlink()
    (inside.cwd / "out" / "export.json").write_text("{}")
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", "csv", "-o", "out", "--force"), USAGE, "export.json")


@pytest.mark.parametrize("command", ["stats", "tune"])
def test_a_report_overwrites_reports_alone(inside: InProcess, store: Path, command: str) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    arguments = (
        command,
        store,
        "--html",
        "out.html",
        *(("--alpha", "0,1", "--beta", "0") if command == "tune" else ()),
    )
    (inside.cwd / "out.html").write_text("<html>my own page</html>")
    with unchanged(inside.cwd):
        refused(inside(*arguments), USAGE, "out.html", "not an HTML report written by genpas", "--html")
    (inside.cwd / "out.html").unlink()
    for _ in range(2):
        done = inside(*arguments)
        assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------- locks and temporary names


def links_to_precious(path: Path) -> None:
    path.with_name("precious.txt").write_text("precious")
    path.symlink_to(path.with_name("precious.txt"))


NO_LOCKS: dict[str, Callable[[Path], object]] = {
    "a link": links_to_precious,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a pipe": os.mkfifo,
    "a directory": Path.mkdir,
    "a file of somebody": lambda path: path.write_text("precious"),
    "a long file": lambda path: path.write_text("genpas\nand more"),
}


@pytest.mark.parametrize("case", NO_LOCKS)
def test_a_lock_is_a_file_of_ours(inside: InProcess, made: Path, case: str) -> None:
    NO_LOCKS[case](inside.cwd / ".out.pairs.genpas-lock")
    with unchanged(inside.cwd):
        refused(inside("augment", made / "log.store", "-o", "out.pairs"), USAGE, ".out.pairs.genpas-lock")


@pytest.mark.parametrize("content", [b"", b"gen", b"genpas\n"])
def test_a_lock_that_a_killed_run_left_is_taken(inside: InProcess, made: Path, content: bytes) -> None:
    (inside.cwd / ".out.pairs.genpas-lock").write_bytes(content)
    assert inside("augment", made / "log.store", "-o", "out.pairs").returncode == 0
    assert [path.name for path in inside.cwd.iterdir()] == ["out.pairs"]


@pytest.mark.parametrize("what", ["new", "old", "part"])
@pytest.mark.parametrize("kind", ["a directory", "a file", "a link"])
def test_a_temporary_name_that_no_killed_run_left_is_kept(inside: InProcess, made: Path, what: str, kind: str) -> None:
    taken = inside.cwd / f".out.pairs.genpas-{what}"
    if kind == "a directory":
        taken.mkdir()
        (taken / "thesis.tex").write_text("years of work")
    elif kind == "a file":
        taken.write_text("years of work")
    else:
        (inside.cwd / "mine").mkdir()
        taken.symlink_to("mine")
    for options in ((), ("--force",), ("--resume",)):
        with unchanged(inside.cwd):
            done = inside("augment", made / "log.store", "-o", "out.pairs", *options)
            refused(done, USAGE, taken.name)


def test_a_scratch_directory_of_somebody_is_kept(inside: InProcess, made: Path) -> None:
    mine = inside.temp_dir / "genpas-scratch-notes"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    (inside.temp_dir / "genpas-scratch-link").symlink_to(mine)
    with unchanged(inside.temp_dir):
        assert inside("augment", made / "log.csv", "-o", "out.pairs").returncode == 0


# --------------------------------------------------------------------------------------------------- paths of manifests


@pytest.mark.parametrize(
    "path", ["../evil.txt", "/etc/passwd", "data/../../evil.txt", "./items.parquet", "data//x.parquet", "", ".", "a\0b"]
)
def test_a_manifest_lists_nothing_outside_its_directory(inside: InProcess, made: Path, path: str) -> None:
    (inside.cwd / "evil.txt").write_text("evil")
    shutil.copytree(made / "log.pairs", inside.cwd / "in.pairs")
    more = {"path": path, "split": None, "rows": 0, "bytes": 4, "sha256": "0" * 64}
    rewrite(inside.cwd / "in.pairs" / "manifest.json", lambda manifest: manifest["files"].append(more))
    for command in (("verify", "in.pairs"), ("export", "in.pairs", "--to", "jsonl", "-o", "x"), ("stats", "in.pairs")):
        with unchanged(inside.cwd):
            refused(inside(*command), INTEGRITY, "manifest.json", "not a path inside its directory")


@pytest.mark.parametrize("what", ["data", "items.parquet"])
def test_a_manifest_lists_nothing_behind_a_link_out(inside: InProcess, made: Path, what: str) -> None:
    shutil.copytree(made / "log.pairs", inside.cwd / "in.pairs")
    behind_a_link(inside.cwd / "in.pairs" / what)
    for command in (("verify", "in.pairs"), ("export", "in.pairs", "--to", "jsonl", "-o", "x"), ("stats", "in.pairs")):
        with unchanged(inside.cwd):
            refused(inside(*command), INTEGRITY, "outside of the directory")


def test_a_link_within_is_a_name_like_another(inside: InProcess, made: Path) -> None:
    """Here the directory itself is reached by a link."""
    shutil.copytree(made / "log.pairs", inside.cwd / "in.pairs")
    (inside.cwd / "link").symlink_to("in.pairs")
    assert inside("verify", "link").returncode == 0


def test_merge_takes_nothing_from_outside(inside: InProcess, made: Path) -> None:
    for number in (1, 2):
        done = inside("augment", made / "log.store", "--shard-rows", "50", "--part", f"{number}/2", "-o", "o.pairs")
        assert done.returncode == 0
    (inside.cwd / "evil.txt").write_text("evil")
    part = inside.cwd / "o.pairs.part-2-of-2" / "part.json"
    content = json.loads(part.read_text())
    first = content["files"][0]["path"]
    rewrite(part, lambda found: found["files"][0].update(path="../evil.txt"))
    with unchanged(inside.cwd):
        refused(inside("merge", "o.pairs.part-1-of-2", "o.pairs.part-2-of-2"), INTEGRITY, "../evil.txt")
    rewrite(part, lambda found: found["files"][0].update(path=first))
    assert inside("merge", "o.pairs.part-1-of-2", "o.pairs.part-2-of-2").returncode == 0


def test_a_manifest_without_its_digest_is_not_taken(inside: InProcess, made: Path) -> None:
    shutil.copytree(made / "log.pairs", inside.cwd / "in.pairs")
    manifest = inside.cwd / "in.pairs" / "manifest.json"
    content = json.loads(manifest.read_text("utf-8"))
    del content["sha256"]
    manifest.write_text(json.dumps(content | {"seed": 77}), "utf-8")
    for command in (("verify", "in.pairs"), ("export", "in.pairs", "--to", "jsonl", "-o", "x"), ("stats", "in.pairs")):
        refused(inside(*command), INTEGRITY, "manifest.json was changed")


def test_an_export_that_was_edited_is_kept(inside: InProcess, pairs: Path) -> None:
    assert inside("export", pairs, "--to", "jsonl", "-o", "out").returncode == 0
    with (inside.cwd / "out" / "test.jsonl").open("a") as file:
        file.write("my notes\n")
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", "jsonl", "-o", "out", "--force"), USAGE, "test.jsonl was changed")
