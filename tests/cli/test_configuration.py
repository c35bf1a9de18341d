"""Options of files and of the environment: which wins, what is refused, and that a manifest makes the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import InProcess, identity, refused

DATA, USAGE = 1, 2


def settings(inside: InProcess, store: Path, *more: str) -> Any:
    """Return the plan of augment."""
    return inside.json("augment", store, "--dry-run", *more)


def written(inside: InProcess, text: str, name: str = "genpas.toml") -> None:
    (inside.cwd / name).write_text(text, encoding="utf-8")


def test_the_command_line_wins_over_the_environment_and_that_over_files(
    inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings(inside, store)["epochs"] == 1
    written(inside, "[augment]\nepochs = 2\n")
    assert settings(inside, store)["epochs"] == 2
    written(inside, "epochs = 3\n", "other.toml")
    assert settings(inside, store, "--config", "other.toml")["epochs"] == 3
    assert settings(inside, store, "--config=other.toml")["epochs"] == 3
    monkeypatch.setenv("GENPAS_EPOCHS", "4")
    assert settings(inside, store, "--config", "other.toml")["epochs"] == 4
    assert settings(inside, store, "--epochs", "5")["epochs"] == 5


def test_a_table_is_of_one_command_and_the_rest_of_all_that_know_the_key(inside: InProcess, store: Path) -> None:
    written(inside, 'memory-limit = "2GB"\nepochs = 3\n[stats]\nstrategy = ["multi-target", "1,0,0"]\n')
    assert settings(inside, store)["epochs"] == 3
    found = inside.json("stats", store, "--json")
    assert [each["name"] for each in found["strategies"]] == ["multi-target", "1,0,0"]
    assert [each["name"] for each in inside.json("stats", store, "-s", "0,0,0", "--json")["strategies"]] == ["0,0,0"]


def test_what_says_how_a_log_is_read_does_not_concern_a_store(inside: InProcess, log: Path, store: Path) -> None:
    written(inside, 'min-user = 7\nseed = 3\n[augment]\nsplit = "none"\n')
    assert settings(inside, store)["pairs"]["test"] == 40
    assert "test" not in settings(inside, log)["pairs"]
    refused(inside("augment", store, "--min-user", "7"), USAGE, "cannot be used with the store")


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "old.pairs", "--force"), ("-oold.pairs", "--force"), ("--output=old.pairs", "--force"),
        ("--store", "kept.store", "--force"), ("--items", "old.pairs/items.parquet"), ("--",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_store_or_pairs_that_an_option_names_do_not_change_how_a_log_is_read(
    inside: InProcess, log: Path, options: tuple[str, ...]
) -> None:
    """These options once hid from the log that a file or a manifest said how to read it."""
    inside("augment", log, "-o", "old.pairs", "--store", "kept.store")
    written(inside, 'split = "none"\n')
    before = () if "--" in options else options
    report = inside.json("augment", *before, "--json", *(("--",) if "--" in options else ()), log)
    assert report["held_out"]["rule"] == "none"


def test_the_command_line_may_name_the_rule_in_the_other_way(inside: InProcess, store: Path) -> None:
    written(inside, "[augment]\nalpha = 0.5\n")
    assert settings(inside, store)["strategy"] == "0.5,0,0"
    assert settings(inside, store, "-s", "multi-target")["strategy"] == "multi-target"
    written(inside, "[augment]\nstrategy = 'multi-target'\n")
    assert settings(inside, store, "--alpha=0")["strategy"] == "0,0,0"


def test_a_manifest_is_the_whole_run(inside: InProcess, store: Path) -> None:
    assert inside("augment", store, "--seed", "5", "-o", "a.pairs").returncode == 0
    written(inside, "[augment]\nalpha = 0.5\nepochs = 3\n")
    found = settings(inside, store, "--config", "a.pairs/manifest.json")
    assert (found["strategy"], found["epochs"]) == ("1,0,0", 1)


def test_flags_lists_and_numbers(inside: InProcess, log: Path) -> None:
    written(inside, "json = true\n[augment]\nalpha = 0.5\nheader = true\ndry-run = true\nkeep = [3]\nmax_input = 7\n")
    done = inside("augment", log)
    assert json.loads(done.stdout)["strategy"] == "0.5,0,0"


REFUSED = {
    "alhpa = 1": ("there is no option 'alhpa'", "alpha"), "[augment]\nsede = 1": ("no option 'sede'", "seed"),
    "[augmnt]\nseed = 1": ("there is no command 'augmnt'", "augment"), "alpha = [": ("is not TOML", ""),
    "force = true": ("force belongs on the command line", ""),
    "[augment]\nseed = 'x'": ("genpas.toml: [augment] seed is 'x'", "whole"),
    "[augment]\nseed = {a = 1}": ("seed is {'a': 1}", "a number"),
    "[augment]\nseed = 2024-01-01": ("seed is", "a text"),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_mistake_in_a_file_is_one_sentence(inside: InProcess, store: Path, text: str) -> None:
    written(inside, text)
    refused(inside("augment", store, "--dry-run"), USAGE, *REFUSED[text])


def test_a_value_of_the_environment_names_its_variable(
    inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPAS_PAIRS", "3k")
    refused(inside("augment", store, "--dry-run"), USAGE, "GENPAS_PAIRS is '3k'")


def test_a_file_that_is_not_there(inside: InProcess, store: Path) -> None:
    refused(inside("augment", store, "--config", "none.toml"), USAGE, "none.toml", "No such file")


def test_help_needs_no_file(inside: InProcess) -> None:
    written(inside, "alpha = [")
    assert inside("augment", "--help").returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--alpha", "0.5", "--pairs", "2x", "--seed", "7", "--max-input", "none", "--shard-rows", "100"),
        ("-s", "slide-window", "--form", "cuts", "--user-ids", "raw"), ("-s", "recency:keep=0.8", "--epochs", "3"),
        ("--draw", "independent", "--order", "user", "--min-user", "6", "--split", "none"),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("source", ["log", "store"])
def test_a_manifest_makes_the_same_bytes_again(
    inside: InProcess, made: Path, source: str, options: tuple[str, ...]
) -> None:
    path = made / f"log.{'csv' if source == 'log' else 'store'}"
    of_logs = ("--min-user", "6", "--split", "none")
    given = options if source == "log" else options[: -len(of_logs)] if set(of_logs) <= set(options) else options
    assert inside("augment", path, *given, "-o", "first.pairs").returncode == 0
    done = inside("augment", path, "--config", "first.pairs/manifest.json", "-o", "second.pairs")
    assert done.returncode == 0, done.stderr
    made_first = identity(inside.cwd / "first.pairs")
    assert made_first == identity(inside.cwd / "second.pairs")
    over = inside("augment", path, "--config", "first.pairs/manifest.json", "-o", "first.pairs", "--force")
    assert (over.returncode, identity(inside.cwd / "first.pairs")) == (0, made_first), over.stderr


def test_what_is_no_manifest(inside: InProcess, store: Path) -> None:
    written(inside, "{}", "manifest.json")
    refused(inside("augment", store, "--config", "manifest.json"), DATA, "not a manifest")
    refused(inside("stats", store, "--config", "manifest.json"), USAGE, "genpas augment alone")
