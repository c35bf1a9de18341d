"""Sequence text: baskets with blanks in names, counts at the beginning of lines, users on several lines."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write

BASKETS = (
    "citrus fruit,semi-finished bread,margarine\ntropical fruit,yogurt\nwhole milk\npip fruit,yogurt,cream cheese\n"
)


@pytest.mark.parametrize("delimiter", [",", ";", "|", "::", "\t"])
def test_baskets_with_blanks_in_names_are_asked_about(tmp_path: Path, delimiter: str) -> None:
    file = write(tmp_path / "a b.txt", BASKETS.replace(",", delimiter))
    option = f"--format sequences --delimiter {shlex.quote(delimiter.replace(chr(9), chr(92) + 't'))}"
    for given in (None, "sequences"):
        with pytest.raises(
            DataError, match=r"the format is ambiguous: the number of .* differs from line to line"
        ) as caught:
            read(file, format=given)
        assert option in str(caught.value.tip)
    log = read(file, format="sequences", delimiter=delimiter)
    assert log.events[:3] == [
        ("citrus fruit", "semi-finished bread"), ("citrus fruit", "margarine"), ("tropical fruit", "yogurt"),
    ]  # fmt: skip
    assert read(file, format="sequences", delimiter=" ").events[0][0] == "citrus"


def test_baskets_without_a_user_are_numbered_by_the_command_that_is_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "a b.csv", BASKETS)
    with pytest.raises(DataError) as caught:
        read(file)
    command = re.search(r"(awk .*?) \| genpas", str(caught.value.tip))
    assert command is not None
    made = subprocess.run(command[1], shell=True, check=True, capture_output=True, text=True).stdout  # noqa: S602  # to be typed
    log = read(write(tmp_path / "c.csv", made), format="sequences", delimiter=",")
    assert log.events[:2] == [("1", "citrus fruit"), ("1", "semi-finished bread")]
    assert len({user for user, _ in log.events}) == 4


def test_baskets_without_blanks_are_asked_about_too(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the format is ambiguous: the number of ',' differs from line to line"):
        read(write(tmp_path / "a.csv", "a,b,c\nd\ne,f\ng,h,i,j\n"))


def test_pairs_that_may_be_baskets_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the format is ambiguous: the number of ',' differs from line to line"):
        read(write(tmp_path / "a.csv", "whole milk,tea\ncitrus fruit\nred wine,milk,rum\n"))


COUNTS = "2 495 1631\n3 1 2 3\n2 7 8\n4 9 1 2 3\n"


def test_counts_at_the_beginning_of_lines_are_no_users(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dat", COUNTS)
    with pytest.raises(DataError, match="number of items that follow, and lines 1 and 3 both start with 2"):
        read(file)
    log = read(file, format="sequences")
    assert len({user for user, _ in log.events}) == 3
    assert log.staged.notes == (f"{file}: user '2' is on lines 1 and 3; the lines of a user are concatenated",)


@pytest.mark.parametrize(
    "text", [COUNTS.replace("2 7 8", "9 7 8"), "1 5\n2 6 7\n3 6 7 8\n", "u1 a b\nu2 c d e\nu1 f\n"]
)
def test_other_first_fields_are_users(tmp_path: Path, text: str) -> None:
    assert read(write(tmp_path / "a.dat", text)).events[0][0] == text.split(maxsplit=1)[0]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_users_on_several_lines_are_noted_with_their_lines(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"a.txt{suffix}", "u1 a b\n\nu2 c\nu3 g h\nu1 d e f\nu2 i\n")
    log = read(file)
    assert [item for user, item in log.events if user == "u1"] == ["a", "b", "d", "e", "f"]
    more = "and 1 more is on several lines; the lines of a user are concatenated"
    assert log.staged.notes == (f"{file}: user 'u1' is on lines 1 and 5, {more}",)
    assert read(write(tmp_path / "b.txt", "u1 a b\nu2 c\nu3 d e f\n")).staged.notes == ()


def test_blanks_at_the_beginning_of_lines_do_not_matter(tmp_path: Path) -> None:
    text = "  u1 a b c\nu2  d \n\tu3 e f\n"
    wanted = [("u1", "a"), ("u1", "b"), ("u1", "c"), ("u2", "d"), ("u3", "e"), ("u3", "f")]
    assert read(write(tmp_path / "a.txt", text)).events == wanted
    assert read(tmp_path / "a.txt", format="sequences", delimiter=" ").events == wanted
