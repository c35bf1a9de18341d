"""Options of files and of the environment: which wins, what is refused, and that a manifest makes the same bytes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.settings import settings, written
from tests.support import InProcess, identity, refused

DATA, USAGE = 1, 2


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


def test_what_says_how_a_log_is_read_does_not_concern_a_store(
    inside: InProcess, log: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(inside, 'min-user = 7\nseed = 3\n[augment]\nsplit = "none"\n')
    assert settings(inside, store)["pairs"]["test"] == 40
    assert "test" not in settings(inside, log)["pairs"]
    refused(inside("augment", store, "--min-user", "7"), USAGE, "cannot be used with the store")
    (inside.cwd / "genpas.toml").unlink()
    monkeypatch.setenv("GENPAS_MIN_USER", "7")
    assert inside("augment", store, "--dry-run").returncode == 0


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('[export]\nsplit = "validation"\n', ()), ('split = "validation"\n', ()),
        ('split = "none"\n[export]\nsplit = "validation"\n', ()),
        ('split = "validation"\n', ("--config", "genpas.toml")),
    ],
)  # fmt: skip
def test_an_option_that_export_calls_as_ingest_calls_another_one(
    inside: InProcess, pairs: Path, text: str, options: tuple[str, ...]
) -> None:
    """The rule of the split and the split to write are both `split`."""
    wanted = inside("export", pairs, "-o", "wanted.jsonl", "--split", "validation")
    assert wanted.returncode == 0, wanted.stderr
    written(inside, text)
    done = inside("export", pairs, "-o", "found.jsonl", *options)
    assert done.returncode == 0, done.stderr
    assert (inside.cwd / "found.jsonl").read_bytes() == (inside.cwd / "wanted.jsonl").read_bytes()


def test_the_rule_of_the_split_for_all_commands_does_not_concern_export(
    inside: InProcess, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(inside, 'split = "users:0.1"\n')
    assert inside("export", pairs, "-o", "found").returncode == 0
    written(inside, 'split = "validaton"\n')
    refused(inside("export", pairs, "-o", "other"), USAGE, "genpas.toml: split is 'validaton'", "validation")
    (inside.cwd / "genpas.toml").unlink()
    monkeypatch.setenv("GENPAS_SPLIT", "time:0.8,0.9")
    assert inside("export", pairs, "-o", "other").returncode == 0
    monkeypatch.setenv("GENPAS_SPLIT", "test")
    assert inside("export", pairs, "-o", "one.jsonl").returncode == 0


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
    assert settings(inside, store, "-smulti-target")["strategy"] == "multi-target"
    written(inside, "[augment]\nstrategy = 'multi-target'\n")
    assert settings(inside, store, "--alpha=0")["strategy"] == "0,0,0"


def test_each_place_may_name_the_rule_in_another_way_than_those_that_count_less(
    inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(inside, "strategy = 'slide-window'\n[augment]\nalpha = 0.25\n")
    assert settings(inside, store)["strategy"] == "0.25,0,0"
    written(inside, "strategy = '1,1,1'\n", "other.toml")
    assert settings(inside, store, "--config", "other.toml")["strategy"] == "1,1,1"
    monkeypatch.setenv("GENPAS_ALPHA", "0.5")
    assert settings(inside, store, "--config", "other.toml")["strategy"] == "0.5,0,0"
    for words in (("-s", "multi-target"), ("-smulti-target",), ("--strategy=multi-target",)):
        assert settings(inside, store, *words)["strategy"] == "multi-target"
    monkeypatch.delenv("GENPAS_ALPHA")
    monkeypatch.setenv("GENPAS_STRATEGY", "multi-target")
    assert settings(inside, store, "--beta", "2")["strategy"] == "1,2,0"


def test_strategies_beside_the_grid_of_tune_do_not_replace_it(inside: InProcess, store: Path) -> None:
    written(inside, "[tune]\nalpha = 0\nbeta = 0\ngamma = 0\n")
    done = inside("tune", store, "-s", "multi-target", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["grid"]["alpha"] == [0]


def test_a_manifest_is_the_whole_run(inside: InProcess, store: Path) -> None:
    assert inside("augment", store, "--seed", "5", "-o", "a.pairs").returncode == 0
    written(inside, "[augment]\nalpha = 0.5\nepochs = 3\n")
    found = settings(inside, store, "--config", "a.pairs/manifest.json")
    assert (found["strategy"], found["epochs"]) == ("1,0,0", 1)


def test_an_option_that_can_be_repeated_may_be_given_once(
    inside: InProcess, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = inside.json("ingest", log, "--dry-run", "--json", "--keep", "timestamp")
    written(inside, "keep = 'timestamp'\n")
    assert inside.json("ingest", log, "--dry-run", "--json") == wanted
    monkeypatch.setenv("GENPAS_KEEP", "timestamp item_id")
    both = ("--keep", "timestamp", "--keep", "item_id")
    found = inside.json("ingest", log, "--dry-run", "--json")
    assert found == inside.json("ingest", log, "--dry-run", "--json", *both) != wanted


def test_flags_lists_and_numbers(inside: InProcess, log: Path) -> None:
    written(inside, "json = true\n[augment]\nalpha = 0.5\nheader = true\ndry-run = true\nkeep = [3]\nmax_input = 7\n")
    done = inside("augment", log)
    assert json.loads(done.stdout)["strategy"] == "0.5,0,0"


REFUSED = {
    "alhpa = 1": ("there is no option 'alhpa'", "alpha"), "[augment]\nsede = 1": ("no option 'sede'", "seed"),
    "[augmnt]\nseed = 1": ("there is no command 'augmnt'", "augment"), "alpha = [": ("is not TOML", ""),
    "force = true": ("force belongs on the command line", ""),
    'config = "other.toml"': ("config belongs on the command line", ""),
    "[augment]\nseed = 'x'": ("genpas.toml: [augment] seed is 'x'", "whole"),
    "[augment]\nseed = {a = 1}": ("seed is {'a': 1}", "a number"),
    "[augment]\nseed = 2024-01-01": ("seed is", "a string"),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_mistake_in_a_file_is_one_sentence(inside: InProcess, store: Path, text: str) -> None:
    written(inside, text)
    refused(inside("augment", store, "--dry-run"), USAGE, *REFUSED[text])


def test_a_value_of_the_environment_names_its_variable(
    inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPAS_PAIRS", "3k")
    written(inside, '[augment]\npairs = "2x"\n')
    refused(inside("augment", store, "--dry-run"), USAGE, "GENPAS_PAIRS is '3k'")
    monkeypatch.delenv("GENPAS_PAIRS")
    monkeypatch.setenv("GENPAS_DRY_RUN", "perhaps")
    refused(inside("augment", store), USAGE, "GENPAS_DRY_RUN is 'perhaps'", "true or false")


def test_a_value_of_a_file_that_is_no_flag_names_its_file(inside: InProcess, store: Path) -> None:
    written(inside, 'json = "perhaps"\n')
    refused(inside("augment", store), USAGE, "genpas.toml: json is 'perhaps'", "true or false")


def test_a_file_that_is_not_there(inside: InProcess, store: Path) -> None:
    refused(inside("augment", store, "--config", "none.toml"), DATA, "none.toml", "No such file")


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


def test_a_manifest_whose_condition_uses_a_column_that_the_pairs_lack(inside: InProcess) -> None:
    """The tip is two commands, which make the same pairs."""
    lines = ["user_id,item_id,timestamp,event"]
    lines += [f"{u},i{n * n % 7},{n},{('view', 'buy')[n % 2]}" for u in "abcdef" for n in range(6)]
    (inside.cwd / "log.csv").write_text("\n".join(lines), encoding="utf-8")
    of_log = ("--keep", "event", "--keep", "timestamp", "--split", "leave-n-out:2", "--eval", "first")
    for words in (
        ("ingest", "log.csv", "-o", "log.store", *of_log, "--time", "timestamp", "--null-values", ""),
        ("augment", "log.store", "--target-where", "event = 'buy'", "--keep", "timestamp", "-o", "first.pairs"),
    ):
        done = inside(*words)
        assert done.returncode == 0, done.stderr
    again = ("augment", "log.csv", "--config", "first.pairs/manifest.json", "-o", "second.pairs")
    done = inside(*again)
    refused(done, USAGE, "there is no column 'event'", "--keep event")
    for command in re.findall(r"genpas .*?(?=; then|\n)", done.stderr.partition("\n")[2]):
        assert inside(*shlex.split(command)[1:]).returncode == 0, command
    assert identity(inside.cwd / "first.pairs") == identity(inside.cwd / "second.pairs")


def test_what_is_no_manifest(inside: InProcess, store: Path) -> None:
    written(inside, "{}", "manifest.json")
    refused(inside("augment", store, "--config", "manifest.json"), DATA, "not a manifest")
    refused(inside("stats", store, "--config", "manifest.json"), USAGE, "genpas augment alone")
