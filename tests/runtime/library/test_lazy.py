"""What the package offers is there under its name whatever was imported before, and loads nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

ROOMS = ("augment", "export", "ingest")
"""Functions of the library that have the name of the room that they stand in."""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("before", ["", "import genpas_cli.{name}", "from genpas_cli.{name} import job"])
def test_a_function_is_not_hidden_by_the_room_of_its_name(name: str, before: str) -> None:
    script = (
        f"{before.format(name=name)}\nimport genpas_cli\nfrom genpas_cli import {name}\nimport genpas_cli.{name}.job"
    )
    assert run(f"{script}\nprint({name}.__name__, callable(genpas_cli.{name}))") == f"{name} True\n"


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"duckdb", "numpy", "pyarrow", "rich", "torch", "typer"}
    assert run(f"import sys, genpas_cli; print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_a_name_that_is_not_there() -> None:
    assert run("import genpas_cli; print(hasattr(genpas_cli, 'nosuch'))") == "False\n"
