"""What every command promises: help, quietness, and data alone on stdout."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import genpas_cli
from genpas_cli import AugmentOptions, IngestOptions
from genpas_cli.runtime.machine import MachineOptions
from tests.support import HEADER, Genpas, InProcess, identity, refused, shards, small_log

COMMANDS = ("ingest", "augment", "verify")

CODES = (
    "0 success",
    "1 unusable input or data",
    "2 wrong usage",
    "3 missing on this machine",
    "4 integrity",
    "5 a rule of --check",
    "130 interrupted",
)

HEAVY = ("duckdb", "pyarrow", "numpy", "torch")


def plain(text: str) -> str:
    """Return help text without its frames, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text))


# ---------------------------------------------------------------------------------------------------------------- help


def test_the_help_of_genpas_lists_commands_and_exit_codes(genpas: Genpas) -> None:
    done = genpas("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (*COMMANDS, *CODES, "genpas augment logs.parquet", "--install-completion", "--version"):
        assert words in plain(done.stdout)
    short = genpas("-h").stdout.splitlines()
    assert short[-1] == "Exit codes: genpas --help"
    assert set(short[:-1]) < set(done.stdout.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_examples_exit_codes_and_a_text_for_every_option(
    genpas: Genpas, command: str
) -> None:
    done = genpas.with_env(COLUMNS="600")(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (*CODES, f"genpas {command} "):
        assert words in plain(done.stdout)
    lines = done.stdout.splitlines()
    named = [number for number, line in enumerate(lines) if re.match(r"  -", line)]
    assert len(named) >= 5
    for number in named:
        # Flags and text are columns, two blanks or more apart; the text of a long flag is on the next line.
        text = re.split(r" {2,}", lines[number].strip())[1:] or [lines[number + 1].strip()]
        assert len(text[0].split()) >= 3, f"no help text: {lines[number]}"


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("ingest", (IngestOptions,)),
        ("augment", (AugmentOptions, IngestOptions)),
        ("verify", (MachineOptions,)),
    ],
    ids=COMMANDS,
)
def test_every_field_of_the_options_is_an_option(genpas: Genpas, command: str, kinds: tuple[Any, ...]) -> None:
    text = genpas.with_env(COLUMNS="600")(command, "--help").stdout
    for kind in kinds:
        for field in dataclasses.fields(kind):
            assert re.search(rf"--{field.name.replace('_', '-')}\b", text), field.name
            assert field.metadata["help"].strip().endswith((".", "]", ")")), field.name


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("augment", "--help"), ("augment", "--typo")], ids=" ".join
)
def test_help_loads_nothing_heavy(genpas: Genpas, arguments: tuple[str, ...]) -> None:
    importing = Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, "-X", "importtime", "-m", "genpas_cli"))
    loaded = {
        line.split("|")[-1].strip().split(".")[0] for line in importing(*arguments).stderr.splitlines() if "|" in line
    }
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.skipif(find_spec("pandas") is not None, reason="DuckDB imports pandas where it is installed")
def test_augment_of_a_plain_log_loads_no_module_that_takes_long_and_is_seldom_needed(genpas: Genpas) -> None:
    (genpas.cwd / "log.csv").write_text(small_log(), encoding="utf-8")
    importing = Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, "-X", "importtime", "-m", "genpas_cli"))
    done = importing("augment", "log.csv")
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert {"pyarrow.parquet", "duckdb"} <= loaded
    assert loaded.isdisjoint({"pyarrow.compute", "pydantic", "torch"})


def test_the_library_loads_what_is_asked_for_and_no_more() -> None:
    script = f"import sys, genpas_cli; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_version(genpas: Genpas) -> None:
    from importlib.metadata import version

    done = genpas("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"genpas {version('genpas')}\n", "")


def test_the_console_script_is_the_same(genpas: Genpas) -> None:
    script = shutil.which("genpas", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("genpas is not installed as a console script beside this Python")
    installed = Genpas(genpas.cwd, genpas.temp_dir, (script,))
    for arguments in (("--help",), ("augment", "nosuch.csv")):
        ours, its = genpas(*arguments), installed(*arguments)
        assert (ours.returncode, ours.stdout, ours.stderr) == (its.returncode, its.stdout, its.stderr)


def test_completion_is_offered(genpas: Genpas) -> None:
    shell = genpas.with_env(_GENPAS_COMPLETE="complete_bash", COMP_WORDS="genpas aug", COMP_CWORD="1")
    assert shell().stdout.split() == ["augment"]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("agment", "log.csv"), "augment"),
        (("augment", "log.csv", "--alhpa", "1"), "--alpha"),
        (("ingest", "log.csv", "--outptu", "x"), "--output"),
    ],
    ids=("command", "option of augment", "option of ingest"),
)
def test_a_typo_gets_a_suggestion(inside: InProcess, arguments: tuple[str, ...], meant: str) -> None:
    refused(inside(*arguments), 2, "Did you mean", meant)


@pytest.mark.parametrize("arguments", [("augment",), ("ingest",), ("verify",), ("ingest", "log.csv")], ids=" ".join)
def test_what_is_missing_is_named(inside: InProcess, arguments: tuple[str, ...]) -> None:
    what = "--output" if len(arguments) == 2 else "PAIRS" if arguments == ("verify",) else "SOURCE"
    tip = "-o log.store" if len(arguments) == 2 else f"genpas {arguments[0]}"
    refused(inside(*arguments), 2, f"{what} is missing", tip)


# ---------------------------------------------------------------------------------------------------- stdout and stderr


def test_reports_are_said_on_stderr_and_stdout_stays_empty(inside: InProcess, made: Path) -> None:
    for arguments, words in (
        (("ingest", made / "log.csv", "-o", "a.store"), ("40 users", "a.store", "genpas augment a.store")),
        (("augment", "a.store"), ("held out", "leave-one-out", "3 shards", "genpas verify a.pairs")),
        (("verify", "a.pairs"), ("5 files (3 shards, README.md, items.parquet)", "match the manifest", "--store")),
        (("verify", "a.pairs", "--store", "a.store"), ("each pair matches its source sequence",)),
    ):
        done = inside(*arguments)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        for word in words:
            assert word in done.stderr
        assert "\x1b" not in done.stderr, "colours, and stderr is no terminal"


def test_a_log_without_times_is_told_to_be_read_in_the_order_of_its_rows(inside: InProcess, log: Path) -> None:
    rows = [line.rpartition(",")[0] for line in log.read_text(encoding="utf-8").splitlines()]
    (inside.cwd / "log.csv").write_text("\n".join(rows), encoding="utf-8")
    for command, source, told in (("ingest", "log.csv", True), ("augment", "log.csv", True), ("ingest", log, False)):
        done = inside(command, source, "-o", "out", "--force")
        assert done.returncode == 0
        assert (
            "no timestamp column was detected, so the interactions of a user are kept in file order" in done.stderr
        ) is told
        assert ("--time COLUMN" in done.stderr) is told
        (inside.cwd / "out").unlink() if command == "ingest" else shutil.rmtree(inside.cwd / "out")


def test_what_is_held_out_is_said_split_by_split(inside: InProcess, log: Path) -> None:
    augment = ("augment", log, "--split", "time:0.5,0.8", "-o", "a.pairs", "--force")
    held_out = inside.json(*augment, "--json")["held_out"]
    assert held_out["validation"] != held_out["test"]
    counts = f"{held_out['validation']} validation and {held_out['test']} test interactions"
    assert counts in inside(*augment).stderr


def test_a_boundary_that_times_do_not_decide_is_noted(inside: InProcess) -> None:
    """Of each user, validation has the time of the last training interaction; the test has one of its own."""
    rows = [f"u{user},i{place},{time}" for user in range(3) for place, time in enumerate((1, 2, 2, 3))]
    (inside.cwd / "log.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    done = inside("ingest", "log.csv", "-o", "a.store")
    told = "for 100.0% of users, a held-out interaction has the same timestamp as the one before it, and the order "
    assert f"{told}in the log decided which of the two comes first (--ties=file)" in done.stderr
    done = inside("ingest", "log.csv", "-o", "b.store", "--ties", "item")
    assert f"{told}of item ids decided which of the two comes first (--ties=item)" in done.stderr


def test_sessions_are_not_called_users(inside: InProcess) -> None:
    """Two users, each with a session of three interactions at equal times and one of two."""
    rows = [f"u{user},i{place},{time}" for user in range(2) for place, time in enumerate((1, 1, 1, 9000, 9000))]
    (inside.cwd / "log.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    done = inside("ingest", "log.csv", "-o", "a.store", "--session-gap", "30m")
    assert "10 interactions of 2 users in 4 sessions with 5 items" in done.stderr
    assert "for 100.0% of sessions, a held-out interaction has the same timestamp" in done.stderr
    assert inside("stats", "a.store").stdout.startswith("4 sessions of 2 users, 5 items, 10 interactions, ")
    rows += [f"u7,i{n},{n}" for n in range(5)]
    (inside.cwd / "more.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    done = inside("augment", "more.csv", "--session-gap", "30m", "-o", "b.pairs")
    assert "; 2 sessions without held-out interactions" in done.stderr


def test_ingest_and_stats_print_the_same_median_length(inside: InProcess) -> None:
    rows = [f"u{user},i{at},{at}" for user, length in enumerate((2, 3)) for at in range(length)]
    (inside.cwd / "log.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    assert "history length 2 to 3, median 2.5\n" in inside("ingest", "log.csv", "-o", "a.store").stderr
    assert "length 2 to 3, median 2.5, mean 2.5\n" in inside("stats", "a.store").stdout


def test_a_part_without_shards_says_how_many_there_are(inside: InProcess, store: Path) -> None:
    done = inside("augment", store, "--part", "1/8", "-o", "a.pairs")
    assert done.stderr.startswith("part 1 of 8: no shards (3 shards in all; with more than 3 parts, some are empty); ")
    assert "; 0 shards, 0 bytes" in done.stderr


def test_one_pair_is_no_pairs(inside: InProcess) -> None:
    (inside.cwd / "log.csv").write_text(f"{HEADER}\nu,a,1\nu,b,2\n", encoding="utf-8")
    done = inside("augment", "log.csv", "--split", "none", "-o", "a.pairs")
    assert "\n1 training pair; " in done.stderr


def test_names_with_markup_are_said_as_they_are(inside: InProcess, made: Path) -> None:
    name = "[red]x[/nothing] :key:.store"
    (inside.cwd / name).parent.mkdir()
    done = inside("ingest", made / "log.csv", "-o", name)
    assert done.returncode == 0, done.stderr
    assert f"wrote {name};" in done.stderr
    done = inside("augment", name, "-o", "[bold]x[/b]")
    assert done.returncode == 0, done.stderr
    assert "wrote [bold]x[/b];" in done.stderr


def test_quiet_says_nothing(genpas: Genpas, inside: InProcess, made: Path) -> None:
    for arguments in (("ingest", made / "log.csv", "-o", "a.store"), ("augment", "a.store"), ("verify", "a.pairs")):
        done = inside(*arguments, "-q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    refused(genpas("augment", "nosuch", "-q"), 1, "nosuch")


def test_quiet_leaves_tables_out_and_json_in(inside: InProcess, store: Path) -> None:
    grid = ("--alpha", "0", "--beta", "0", "--gamma", "0,1")
    for arguments in (("stats", store), ("tune", store, *grid)):
        done = inside(*arguments, "-q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert inside.json("stats", store, "-q", "--json")["strategies"]


def test_colours_are_for_terminals_and_obey_no_color(genpas: Genpas) -> None:
    coloured = genpas.with_env(FORCE_COLOR="1", TERM="xterm")
    assert "\x1b[" in coloured("augment", "nosuch").stderr
    plain_ = coloured.with_env(NO_COLOR="1")("augment", "nosuch").stderr
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", plain_), "NO_COLOR asks for no colours"


def test_the_command_line_and_the_library_do_the_same(genpas: Genpas, made: Path) -> None:
    assert genpas("augment", made / "log.store", "-o", "a.pairs", "--alpha", "0.5", "--seed", "9").returncode == 0
    genpas_cli.augment(made / "log.store", genpas.cwd / "b.pairs", AugmentOptions(alpha=0.5, seed=9))
    assert identity(genpas.cwd / "a.pairs") == identity(genpas.cwd / "b.pairs")


def test_augment_from_logs_keeps_the_store_where_it_is_asked_to(inside: InProcess, made: Path) -> None:
    assert inside("augment", made / "log.csv", "-o", "a.pairs", "--store", "kept.store").returncode == 0
    assert inside("verify", "a.pairs", "--store", "kept.store").returncode == 0
    assert {path.name for path in inside.cwd.iterdir()} == {"a.pairs", "kept.store"}
    assert list(inside.temp_dir.iterdir()) == []


def test_the_case_of_a_kept_column_does_not_count(inside: InProcess, log: Path) -> None:
    text = log.read_text(encoding="utf-8").replace("timestamp", "Menge", 1)
    (inside.cwd / "log.csv").write_text(text, encoding="utf-8")
    assert inside("ingest", "log.csv", "-o", "log.store", "--keep", "Menge").returncode == 0
    for source, name in (("log.store", "menge"), ("log.store", "Menge"), ("log.csv", "MENGE"), ("log.csv", "3")):
        assert inside("augment", source, "-o", "out.pairs", "--force", "--keep", name).returncode == 0
        assert {"input_Menge", "target_Menge"} <= set(shards(inside.cwd / "out.pairs").column_names)


def test_bad_rows_are_never_lost(inside: InProcess, log: Path) -> None:
    (inside.cwd / "log.csv").write_bytes(log.read_bytes() + b"u1,i1\nu1,i2,noon\n")
    assert inside("ingest", "log.csv", "-o", "a.store", "--bad-rows", "skip").returncode == 0
    assert inside("augment", "log.csv", "-o", "a.pairs", "--bad-rows", "skip").returncode == 0
    for output in ("a.store", "a.pairs"):
        text = (inside.cwd / f"{output}.rejects.csv").read_text(encoding="utf-8")
        assert "noon" in text
        assert len(text.splitlines()) == 3


# -------------------------------------------------------------------------------------------------------------- library


def test_the_library_offers_what_it_says() -> None:
    assert set(genpas_cli.__all__) == set(genpas_cli._HOMES)
    offered: dict[str, Any] = {}
    exec("from genpas_cli import *", offered)  # noqa: S102  # what a user types in a notebook
    assert set(offered) - {"__builtins__"} == set(genpas_cli._HOMES)
    for name, home in genpas_cli._HOMES.items():
        assert offered[name] is getattr(importlib.import_module(f"genpas_cli.{home}"), name)
        assert offered[name].__doc__
    with pytest.raises(AttributeError, match="nosuch"):
        _ = genpas_cli.nosuch
