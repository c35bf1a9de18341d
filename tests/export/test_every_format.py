"""Each export format of the table is complete: a part that is forgotten when a format is added fails here."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from genpas_cli.export.formats import FORMATS, format_named
from genpas_cli.export.formats.format import Format
from tests.support import ROOT, InProcess

CANNOT_TELL = {"hstu", "sequences"}
"""Formats of one file that leave nothing in it by which it could be told from somebody else's."""

ALWAYS_DIRECTORIES = {"recbole", "grid", "minionerec", "openonerec", "sid-gr", "torcheasyrec"}
"""Formats whose output is told by its export.json."""


def test_each_format_is_in_the_table_and_in_a_module_of_its_name() -> None:
    modules = Path(inspect.getfile(Format)).parent.rglob("*.py")
    found = {path.stem for path in modules if "\nFORMAT = " in path.read_text(encoding="utf-8")}
    assert found == {name.replace("-", "_") for name in FORMATS}
    for name in FORMATS:
        assert format_named(name).name == name
        assert not inspect.isabstract(format_named(name))
    assert {name for name in FORMATS if not format_named(name).one_file} == ALWAYS_DIRECTORIES
    cannot_tell = {name for name in FORMATS if format_named(name).wrote is Format.wrote}
    assert cannot_tell - ALWAYS_DIRECTORIES == CANNOT_TELL


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_ones_own_is_replaced(inside: InProcess, pairs: Path, name: str) -> None:
    if name in CANNOT_TELL | ALWAYS_DIRECTORIES:
        pytest.skip("it cannot be told from somebody else's, or is a directory")
    suffix = ".jsonl" if name in ("messages", "alpaca", "sharegpt", "prompt") else f".{name}"
    command = ("export", pairs, "--to", name, "--split", "test", "-o", f"out{suffix}")
    for more in ((), ("--force",)):
        done = inside(*command, *more)
        assert done.returncode == 0, done.stderr
    assert (inside.cwd / f"out{suffix}").stat().st_size > 0


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_in_the_reference_and_in_the_help(inside: InProcess, name: str) -> None:
    reference = (ROOT / "docs/reference/formats.md").read_text(encoding="utf-8")
    exports = reference.partition("\n## Exports\n")[2].partition("\n## ")[0]
    assert name in exports.lower()
    text = " ".join(inside("export", "--help").stdout.split())
    assert f"{name}: {FORMATS[name]}" in text
