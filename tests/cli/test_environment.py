"""Options of the environment: every option has a variable, and unknown ones are noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genpas_cli.cli import COMMANDS
from genpas_cli.cli.configuration import all_commands
from genpas_cli.cli.help import is_argument
from tests.cli.settings import settings, written
from tests.support import InProcess


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_a_file_may_set_has_a_variable(
    inside: InProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Both give the command the same values, and from there."""
    command = all_commands()[name]
    options = [each for each in command.params if not is_argument(each) and each.name not in ("force", "config")]
    values = {max(each.opts, key=len).removeprefix("--"): "true" if each.is_flag else "1" for each in options}

    def parsed() -> Any:
        context = command.make_context(name, [] if name == "doctor" else ["x"])
        return context.params, {context.get_parameter_source(each.name).name for each in options}

    monkeypatch.chdir(inside.cwd)
    written(inside, f"[{name}]\n" + "".join(f"{key} = '{value}'\n" for key, value in values.items()))
    of_file = parsed()
    (inside.cwd / "genpas.toml").unlink()
    for key, value in values.items():
        monkeypatch.setenv(f"GENPAS_{key.upper().replace('-', '_')}", value)
    assert of_file == parsed()
    assert of_file[1] == {"DEFAULT_MAP"}


def test_variables_of_options_that_commands_declare_themselves(
    inside: InProcess, store: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENPAS_ROWS", "2")
    monkeypatch.setenv("GENPAS_OF", "validation")
    monkeypatch.setenv("GENPAS_JSON", "1")
    wanted = inside.json("head", pairs, "--rows", "2", "--of", "validation", "--json")
    assert inside.json("head", pairs) == wanted
    assert inside.json("head", pairs, "--rows", "3") != wanted
    monkeypatch.setenv("GENPAS_OUTPUT", "named.pairs")
    monkeypatch.setenv("GENPAS_QUIET", "true")
    done = inside("augment", store)
    assert (done.returncode, done.stderr) == (0, "")
    assert (inside.cwd / "named.pairs").is_dir()


def test_a_variable_names_a_file_of_options(inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(inside, "epochs = 3\n", "other.toml")
    written(inside, "epochs = 2\n", "third.toml")
    monkeypatch.setenv("GENPAS_CONFIG", "other.toml")
    assert settings(inside, store)["epochs"] == 3
    assert settings(inside, store, "--config", "third.toml")["epochs"] == 2


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("GENPAS_SEEED", ("GENPAS_SEEED has no effect", "Did you mean GENPAS_SEED?")),
        ("GENPAS_QXZ", ("GENPAS_QXZ has no effect",)), ("GENPAS_FORCE", ("--force belongs on the command line",)),
        ("GENPAS_ROWS", ()), ("GENPAS_OPEN", ()), ("GENPAS_EPOCHS", ()), ("OTHER_SEEED", ()),
    ],
)  # fmt: skip
def test_a_variable_that_sets_no_option_is_noted_once(
    inside: InProcess, store: Path, monkeypatch: pytest.MonkeyPatch, variable: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, "1")
    done = inside("augment", store, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("note: GENPAS") == bool(words)
    assert all(word in done.stderr for word in words)
    assert "note: GENPAS" not in inside("augment", store, "--dry-run", "-q").stderr
