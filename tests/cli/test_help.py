"""The help: one screen by -h, everything by --help, at any width and with no Python in it."""

from __future__ import annotations

import os
import re
import shlex

import pytest

from genpas_cli.cli import COMMANDS
from genpas_cli.cli.help import examples_of
from tests.support import InProcess, refused

USAGE = 2


def shown(inside: InProcess, *arguments: str) -> str:
    done = inside(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_is_one_screen(inside: InProcess, name: str) -> None:
    text = shown(inside, name, "-h")
    assert len(text.splitlines()) <= 50
    assert f"Usage: genpas {name} [OPTIONS] " in text
    assert examples_of[name][0] in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_long_help_has_everything(inside: InProcess, name: str) -> None:
    text, short = shown(inside, name, "--help"), shown(inside, name, "-h")
    assert all(example in text for example in examples_of[name])
    assert "Exit codes:\n  0    success" in text
    # Whatever the short help names is explained in the long one.
    assert set(re.findall(r"--[a-z][a-z-]+", short)) <= set(re.findall(r"--[a-z][a-z-]+", text))


@pytest.mark.parametrize("name", COMMANDS)
def test_only_the_help_of_augment_names_the_manifest_as_a_configuration(inside: InProcess, name: str) -> None:
    text = " ".join(shown(inside, name, "--help").split())
    assert ("can also be the manifest.json of a pairs directory" in text) == (name == "augment")
    assert "-h, --help Print the main options (-h) or all options (--help)." in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_by_name_is_the_long_help(inside: InProcess, name: str) -> None:
    assert shown(inside, "help", name) == shown(inside, name, "--help")


def test_help_alone_lists_the_commands(inside: InProcess) -> None:
    text = shown(inside, "help")
    assert text == shown(inside, "--help")
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_the_help_has_no_types_of_python(inside: InProcess, name: str) -> None:
    text = shown(inside, *filter(None, [name]), "--help")
    assert not re.search(r"<(int|float|bool|str|path|list)\b|\blist\[|Optional", text), text


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
@pytest.mark.parametrize("name", ["augment", "tune"])
def test_no_line_is_wider_than_the_terminal(
    inside: InProcess, monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((int(columns), 24)))
    done = inside(name, "--help")
    flags = r"^  \S.*--\S+ \S+$|genpas "  # what is written as it is: an option with its choices, an example
    wide = [line for line in done.stdout.splitlines() if len(line) > int(columns) and not re.search(flags, line)]
    assert not wide


def test_no_command_is_the_short_help_and_wrong_usage(inside: InProcess) -> None:
    done = inside()
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "Usage: genpas [OPTIONS] COMMAND" in done.stderr


MISTAKES = {
    ("augment", "--alhpa", "0.5", "log.csv"): ("unknown option --alhpa", "genpas augment --alpha 0.5 log.csv"),
    ("augment", "--alhpa=0.5", "log.csv"): ("unknown option --alhpa", "genpas augment --alpha=0.5 log.csv"),
    ("agument", "log.csv"): ("unknown command 'agument'", "genpas augment log.csv"),
    ("status", "log.csv"): ("unknown command 'status'", "genpas stats log.csv"),
    ("augment",): ("SOURCE is missing", "genpas augment --alpha 0.5 logs.parquet"),
    ("augment", "log.csv", "--seed", "abc"): ("--seed is 'abc'; it must be a whole number", None),
    ("augment", "log.csv", "--alpha", "much"): ("--alpha is 'much'; it must be a number", None),
    ("augment", "log.csv", "--format", "pqt"): ("--format is 'pqt'", "--format parquet"),
    ("augment", "log.csv", "--engine", "sparc"): ("--engine is 'sparc'", "--engine spark"),
    ("augment", "log.csv", "-o"): ("-o: a value is missing", "genpas augment -h"),
    ("augment", "log.csv", "--force=yes"): ("--force: the option takes no value", "genpas augment -h"),
    ("verify", "log.pairs", "other.pairs"): ("unexpected argument: other.pairs", "genpas verify"),
    ("export", "log.pairs", "-o", "out", "--to", "jsnl"): ("--to is 'jsnl'", "--to jsonl"),
    ("xyzzy",): ("unknown command 'xyzzy'", "genpas -h"),
    ("stats", "log.csv", "--xyzzy"): ("genpas stats: unknown option --xyzzy", "genpas stats -h"),
}  # fmt: skip


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_sentence_and_a_way_out(inside: InProcess, words: tuple[str, ...]) -> None:
    message, tip = MISTAKES[words]
    done = inside(*words)
    refused(done, USAGE, message, tip or "")
    assert not re.search(r"Value error|Input should|Usage:|Try '|╭", done.stderr)


def test_what_is_proposed_can_be_typed(inside: InProcess, store: object) -> None:
    done = inside("stats", str(store), "--jsn")
    proposed = done.stderr.splitlines()[-1].removeprefix("Did you mean: genpas ")
    assert inside(*shlex.split(proposed)).returncode == 0


def test_control_characters_of_an_argument_are_not_shown(inside: InProcess) -> None:
    done = inside("augment", "--x\x1b[31m", "log.csv")
    assert done.returncode == USAGE
    assert "\x1b" not in done.stderr
