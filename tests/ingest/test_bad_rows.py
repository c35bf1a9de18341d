"""Malformed rows: an error with file, line and reason; or a line in the rejects file. Nothing is lost in silence."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import Log, read, write

HEADER = "user,item,time\n"


def account(log: Log, rows: int) -> None:
    """Assert that every row of the file is staged, rejected or counted as dropped."""
    steps = log.staged.funnel
    assert steps[0].kept == rows == sum(file.rows for file in log.staged.files)
    assert sum(step.dropped for step in steps) + len(log.rows) == rows
    assert log.funnel.get("bad rows", 0) == len(log.rejects)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("u,i", "2 fields instead of 3"),
        ("u", "1 field instead of 3"),
        ("u,i,5,x", "4 fields instead of 3"),
        ("u,i,", "no value in column 'time'"),
        ("u,i,noon", "timestamp 'noon' in column 'time' is not an integer"),
        ('u,"i,5', "unterminated quote"),
        ('u,"i"x,5', "unterminated quote"),
    ],
)
@pytest.mark.parametrize("place", [0, 3, 2000])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_malformed_row(tmp_path: Path, row: str, reason: str, place: int, suffix: str) -> None:
    lines = [f"u{n},i{n},{n}" for n in range(4000)]
    lines[place:place] = [row]
    file = write(tmp_path / f"a.csv{suffix}", HEADER + "\n".join(lines) + "\n")
    with pytest.raises(DataError, match=rf"a\.csv.*, line {place + 2}: {reason}") as caught:
        read(file)
    assert repr(row) in caught.value.message
    assert "--bad-rows skip" in str(caught.value.tip)
    log = read(file, bad_rows="skip")
    assert log.rejects == [{"file": str(file), "line": str(place + 2), "reason": reason, "text": row}]
    assert log.events == [(f"u{n}", f"i{n}") for n in range(4000)]
    account(log, 4001)


def test_lines_are_those_of_the_file_also_after_records_of_several_lines_and_blank_ones(tmp_path: Path) -> None:
    text = HEADER + '"u\n\nv",i,1\n\nu,j,2\nu,k\n"x\ny",l,bad\nu,m,3\n'
    file = write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match="line 7: 2 fields"):
        read(file)
    log = read(file, bad_rows="skip")
    assert [(row["line"], row["text"]) for row in log.rejects] == [("7", "u,k"), ("8", '"x\ny",l,bad')]
    assert log.events == [("u\n\nv", "i"), ("u", "j"), ("u", "m")]
    account(log, 5)


def test_an_open_quote_spoils_its_own_line_only(tmp_path: Path) -> None:
    text = HEADER + 'u,"i,1\nu,j,2\nu,"k",3\nu,"l"\n'
    log = read(write(tmp_path / "a.csv", text), bad_rows="skip")
    assert [row["line"] for row in log.rejects] == ["2", "5"]
    assert log.events == [("u", "j"), ("u", "k")]


def test_several_kinds_of_bad_rows_in_several_files(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", HEADER + "u,i,1\nu,i\n,j,2\nu,k,x\nu,,4\n")
    two = write(tmp_path / "b.tsv.zst", "u\ti\t1\nu\tj\t2\nv\tk\t\nw\tl\t4\t5\nx\tm\t6\n")
    log = read(one, two, bad_rows="skip", user="1", item="2", time="3")
    assert [(Path(row["file"]).name, row["line"]) for row in log.rejects] == [
        ("a.csv", "3"),
        ("b.tsv.zst", "4"),
        ("a.csv", "5"),
        ("b.tsv.zst", "3"),
    ]
    assert log.funnel == {"read": 10, "bad rows": 4, "missing user or item id": 2}
    account(log, 10)


def test_a_clean_log_has_no_rejects_file_but_says_so_when_asked_to_skip(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "u,i,1\n")
    assert read(file, bad_rows="skip").funnel == {"read": 1, "bad rows": 0, "missing user or item id": 0}
    assert read(file).funnel == {"read": 1, "missing user or item id": 0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"user": "v", "item": 2', "malformed JSON"),
        ('{"user": "v"} {"user": "w"}', "malformed JSON"),
        ("5", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"user": "v", "item": 3}', "no value in column 'ts'"),
        ('{"user": "v", "item": 3, "ts": "x"}', "timestamp 'x' in column 'ts' is not an integer"),
    ],
)
@pytest.mark.parametrize("dedup", ["none", "exact"])
def test_bad_lines_of_json(tmp_path: Path, line: str, reason: str, dedup: str) -> None:
    good = '{"user": "u", "item": 1, "ts": 5}\n'
    file = write(tmp_path / "a.jsonl", good * 3 + "\n" + line + "\n" + good)
    with pytest.raises(DataError, match=rf"line 5: {reason}"):
        read(file, dedup=dedup)
    log = read(file, bad_rows="skip", dedup=dedup)
    assert [(row["line"], row["text"]) for row in log.rejects] == [("5", line)]
    account(log, 5)


def test_ratings_are_numbers_where_they_are_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item,rating,time\nu,i,4.5,1\nu,j,good,2\nu,k,,3\nu,l,2,4\nu,m,3,5\n")
    assert len(read(file).rows) == 5
    with pytest.raises(DataError, match=r"line 3: rating 'good' in column 'rating' is not a number"):
        read(file, min_rating=3)
    log = read(file, min_rating=3, bad_rows="skip")
    assert log.columns == ["user_id", "item_id", "time"]
    assert log.events == [("u", "i"), ("u", "m")]
    assert log.funnel == {"read": 5, "bad rows": 2, "missing user or item id": 0, "min rating": 1}
    account(log, 5)


@pytest.mark.parametrize("name", ["Bewertung", "my rating"])
def test_a_decimal_comma_in_a_rating_is_answered_with_the_condition_that_reads_it(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "a.csv", f"user;item;{name}\nu;i;4,5\nu;j;3\nu;k;3,9\n")
    with pytest.raises(DataError, match=r"rating '4,5' .* is not a number") as caught:
        read(file, rating=name, min_rating=4)
    told = str(caught.value.tip).partition("replace --min-rating by: ")[2]
    flag, condition = shlex.split(told)
    assert flag == "--where"
    assert read(file, where=condition).events == [("u", "i")]


def test_a_rating_that_is_not_there(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item,mark\nu,i,4\nu,j,2\n")
    with pytest.raises(DataError, match="the rating column was not detected") as caught:
        read(file, min_rating=3)
    assert "--rating mark" in str(caught.value.tip)
    assert len(read(file, min_rating=3, rating="mark").rows) == 1


def test_a_line_longer_than_can_be_read_is_a_bad_row(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "u,i,1\nu," + "x" * 3_000_000 + ",2\nu,j,3\n")
    with pytest.raises(DataError, match="line 3: longer than 2,000,000 characters"):
        read(file)
    assert read(file, bad_rows="skip").events == [("u", "i"), ("u", "j")]


def test_many_bad_rows_of_every_kind_are_all_accounted_for(tmp_path: Path) -> None:
    kinds = ["u,i,{0}", "u,i", "u,i,x", 'u,"i,{0}', ",i,{0}", "u,,{0}", "u,i,{0},z", '"u","i ""q""",{0}', "u,i,", ""]
    draw = np.random.default_rng(5).integers(len(kinds), size=20_000)
    lines = [kinds[k].format(n) for n, k in enumerate(draw)]
    log = read(write(tmp_path / "a.csv.gz", HEADER + "u,i,1\n" * 2000 + "\n".join(lines) + "\n"), bad_rows="skip")
    account(log, 2000 + sum(bool(line) for line in lines))
    places = [int(row["line"]) for row in log.rejects]
    assert len(set(places)) == len(places)
    assert all(row["text"] == lines[place - 2002] for row, place in zip(log.rejects, places, strict=True))


@pytest.mark.parametrize("options", [{"where": "price > 2"}, {"keep": ("price",)}, {"dedup": "exact"}])
def test_bad_rows_do_not_shift_what_stands_beside(tmp_path: Path, options: dict[str, Any]) -> None:
    file = write(tmp_path / "a.csv", "user,item,time,price\nu,i,1,1\nbad\nu,j,2,3\nu,k,x,9\nu,l,4,5\n")
    log = read(file, bad_rows="skip", **options)
    assert log.events[-2:] == [("u", "j"), ("u", "l")]
    if "keep" in options:
        assert log.column("keep_0") == [1, 3, 5]


def test_bad_rows_after_many_good_ones_leave_the_rows_of_all_files_in_order(tmp_path: Path) -> None:
    good = "".join(f"u{n},i{n},{n}\n" for n in range(130_000))
    one = write(tmp_path / "a.csv", HEADER + good + "bad\n")
    two = write(tmp_path / "b.csv", HEADER + good + "bad\n" + "u,i,130000.5\n" + "u,i,x\n")
    log = read(one, two, bad_rows="skip")
    assert log.staged.time_type == "DOUBLE"
    assert log.column("time") == [*map(float, range(130_000)), *map(float, range(130_000)), 130000.5]
    assert [(Path(row["file"]).name, row["line"]) for row in log.rejects] == [
        ("a.csv", "130002"),
        ("b.csv", "130002"),
        ("b.csv", "130004"),
    ]
    account(log, 260_004)


@pytest.mark.parametrize("bad", [b"u,caf\xe9,2", b"u,i\0,2", b"\xff\xfe,i,2"])
@pytest.mark.parametrize("before", [1, 40_000])
def test_a_row_that_is_no_text_can_be_skipped(tmp_path: Path, bad: bytes, before: int) -> None:
    good = b"".join(b"u,i%d,%d\n" % (n, n) for n in range(before))
    file = write(tmp_path / "a.csv.gz", HEADER.encode() + good + bad + b"\n" + b"v,j,5\n")
    with pytest.raises(DataError, match=rf"line {before + 2}"):
        read(file)
    log = read(file, bad_rows="skip")
    assert len(log.rows) == before + 1
    assert log.events[-1] == ("v", "j")
    reason = "a NUL byte" if b"\0" in bad else "not valid UTF-8"
    assert [(row["line"], row["reason"]) for row in log.rejects] == [(str(before + 2), reason)]
    account(log, before + 2)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.jsonl", b'{"user": 1, "item": 2}', b'{"user": 1, "item": "\xe9"}'),
        ("a.txt", b"u1 a b", b"u2 caf\xe9 c d"),
        ("a.inter", b"1\t2", b"1\t\xe9"),
    ],
)
def test_a_row_of_any_text_format_that_is_no_text_can_be_skipped(
    tmp_path: Path, name: str, good: bytes, bad: bytes
) -> None:
    head = b"user:token\titem:token\n" if name == "a.inter" else b""
    options = {"format": "sequences"} if name == "a.txt" else {}
    file = write(tmp_path / name, head + (good + b"\n") * 3 + bad + b"\n" + good + b"\n")
    line = 5 if head else 4
    with pytest.raises(DataError, match=f"line {line}: not valid UTF-8"):
        read(file, **options)
    log = read(file, bad_rows="skip", **options)
    assert [(row["line"], row["reason"]) for row in log.rejects] == [(str(line), "not valid UTF-8")]
    assert len(log.rows) == (8 if name == "a.txt" else 4)
    assert log.funnel["bad rows"] == 1


def test_a_row_of_an_array_that_is_no_text_can_be_skipped(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.json", b'[{"user": 1, "item": 2},\n{"user": 1, "item": "\xe9"},\n{"user": 3, "item": 4}]'
    )
    log = read(file, bad_rows="skip")
    assert log.events == [("1", "2"), ("3", "4")]
    assert [(row["line"], row["reason"]) for row in log.rejects] == [("2", "not valid UTF-8")]


def test_a_line_of_sequence_text_longer_than_can_be_read_is_a_bad_row(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "u1 a b\nu2 " + "x " * 1_500_000 + "\nu3 c d e\n")
    with pytest.raises(DataError, match="line 2: longer than 2,000,000 characters"):
        read(file)
    assert read(file, bad_rows="skip").events == [("u1", "a"), ("u1", "b"), ("u3", "c"), ("u3", "d"), ("u3", "e")]


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_good_rows_among_bad_ones_keep_their_fields_whatever_the_quote(tmp_path: Path, quote: str) -> None:
    user, other = (f"{quote}a;b{quote}", 'c"d' if quote != '"' else "c'd") if quote else ("a", "'c\"d'")
    file = write(tmp_path / "a.csv", f"user;item;time\n{user};x;1\nbad\n{other};y;2\n")
    log = read(file, delimiter=";", quote=quote, bad_rows="skip")
    assert log.rows == [("a;b" if quote else "a", "x", 1), (other, "y", 2)]
    assert [bad["line"] for bad in log.rejects] == ["3"]
