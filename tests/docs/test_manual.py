"""The manual page: no warnings of its formatter, and every option in the text that `man` shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.command_line import commands
from docs.generate import ROOT
from docs.manual import _escaped, _shielded

PAGE = ROOT / "docs" / "reference" / "genpas.1"
GROFF, MAN = shutil.which("groff"), shutil.which("man")
needs_groff = pytest.mark.skipif(GROFF is None, reason="no groff: apt-get install groff")


def formatted(page: Path) -> str:
    """Return what a terminal shows, without bold and underlined letters."""
    done = subprocess.run(
        [str(GROFF), "-man", "-Tutf8", "-ww", "-Kutf8", "-P-cbou", page], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@needs_groff
def test_it_is_formatted_without_warnings_and_has_every_command_and_option() -> None:
    text = formatted(PAGE)
    words = " ".join(text.split())
    for command in commands():
        assert command.usage in words
        for example in command.examples:
            assert " ".join(example.split()) in words
        for entries in command.panels.values():
            for entry in entries:
                head = ", ".join(entry.flags) + (f" {entry.value}" if entry.value else "")
                assert head in words, head


@pytest.mark.skipif(MAN is None, reason="no man: apt-get install man-db")
def test_man_has_no_warnings() -> None:
    done = subprocess.run(
        [str(MAN), "--warnings", "-E", "UTF-8", "-l", PAGE], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^NAME\n +genpas - ", done.stdout, re.MULTILINE)


@needs_groff
@pytest.mark.parametrize("text", [r"a\b -o - ~/x ^2", ".TH is no macro here", "'quoted' and \"quoted\"", "α–β"])
def test_text_is_shown_as_it_is(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.1").write_text(f'.TH X 1 "" "" ""\n.SH A\n{_shielded(_escaped(text))}\n', encoding="utf-8")
    assert text in formatted(tmp_path / "page.1")
