"""What a file is, told from its content; and what is asked where two readings are possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from genpas_cli.runtime.errors import DataError, UsageError
from tests.ingest.support import read, write

EVENTS = [("007", "a b", 1), ("8", "é", 2), ("8", "13085.0", 3)]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "::"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["log", "log.csv", "log.dat.gz", "log.txt.zst"])
def test_delimited_text(tmp_path: Path, delimiter: str, header: bool, name: str) -> None:  # noqa: FBT001
    lines = [delimiter.join(map(str, event)) for event in EVENTS]
    lines = [delimiter.join(("user_id", "item_id", "ts")), *lines] if header else lines
    flags = {} if header else {"user": "1", "item": "2", "time": "3"}
    log = read(write(tmp_path / name, "\n".join(lines) + "\n"), **flags)
    assert log.rows == EVENTS
    assert log.staged.files[0].format == "csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_marks_and_blank_lines_do_not_matter(tmp_path: Path, end: str, last: bool) -> None:  # noqa: FBT001
    lines = ["", "user,item,time", "", "u,i,1", "u,j,2"] if end == "\n" else ["user,item,time", "u,i,1", "u,j,2"]
    text = "\ufeff" * (end != "\n") + end.join(lines) + end * last
    assert read(write(tmp_path / "a.csv", text)).rows == [("u", "i", 1), ("u", "j", 2)]


def test_line_ends_of_two_kinds_in_one_file_are_read(tmp_path: Path) -> None:
    text = 'user,item,time\r\nu,i,1\nu,j,2\r\nu,"k\nl",3\n'
    log = read(write(tmp_path / "a.csv", text))
    assert log.rows == [("u", "i", 1), ("u", "j", 2), ("u", "k\nl", 3)]
    assert log.funnel["read"] == 3


def test_quotes_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    text = 'user,item,time\n"a,b","say ""x""",1\n"c\nd", e ,2\nf"g,h,3\n'
    assert read(write(tmp_path / "a.csv", text)).events == [("a,b", 'say "x"'), ("c\nd", " e "), ('f"g', "h")]


def test_quotes_can_be_switched_off(tmp_path: Path) -> None:
    text = 'user\titem\ttime\nu\t"best of\t1\nu\t"x"\t2\n'
    assert read(write(tmp_path / "a.tsv", text), quote="").events == [("u", '"best of'), ("u", '"x"')]


def test_recbole_atomic_files(tmp_path: Path) -> None:
    text = 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t3.0\t978300760\n1\t"x\t4\t978300761.5\n'
    log = read(write(tmp_path / "ml.inter", text), min_rating=3.5)
    assert log.staged.files[0].format == "recbole"
    assert log.rows == [("1", '"x', 978300761.5)]


def test_json_lines(tmp_path: Path) -> None:
    text = (
        '{"reviewerID": "A1", "asin": "007", "unixReviewTime": 5, "overall": 4.0, "text": "x, \\"y\\""}\n\n'
        '{"asin": 8, "reviewerID": 12345678901234567890123, "reviewTime": "09 1, 2013", "unixReviewTime": 6}\n'
    )
    for name in ("a.jsonl", "a.json.gz", "b"):
        log = read(write(tmp_path / name, text))
        assert log.rows == [("A1", "007", 5), ("12345678901234567890123", "8", 6)]


def test_json_keys_that_differ_by_case_only_or_hold_slashes(tmp_path: Path) -> None:
    text = '{"id": "a", "ID": "b", "x/y~z": 1}\n'
    log = read(write(tmp_path / "a.jsonl", text), user="id", item="ID", time="x/y~z")
    assert log.rows == [("a", "b", 1)]


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_arrow_and_feather(tmp_path: Path, compression: str) -> None:
    table = pa.table(
        {"note": ["x"] * 3, "user": [e[0] for e in EVENTS], "item": [e[1] for e in EVENTS], "ts": [1, 2, 3]}
    )
    feather.write_feather(table, tmp_path / "a.feather", compression=compression)
    assert read(tmp_path / "a.feather").rows == EVENTS
    with pa.ipc.new_stream(str(tmp_path / "stream"), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    assert read(tmp_path / "stream").rows == EVENTS


def test_dictionaries_and_views_of_arrow_are_texts(tmp_path: Path) -> None:
    table = pa.table({
        "user": pa.array(["b", "a", "b"]).dictionary_encode(),
        "item": pa.array(["x", "y", None], pa.large_string()),
    })  # fmt: skip
    feather.write_feather(table, tmp_path / "a.feather")
    assert read(tmp_path / "a.feather").events == [("b", "x"), ("a", "y")]


def test_integer_columns_stay_integers_where_every_file_has_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": [1, None, 3], "item": pa.array([7, 8, 9], pa.uint8())}), tmp_path / "a.parquet")
    log = read(tmp_path / "a.parquet")
    assert log.types == ["BIGINT", "BIGINT"]
    assert log.rows == [(1, 7), (3, 9)]
    both = read(tmp_path / "a.parquet", write(tmp_path / "b.csv", "user,item\n007,7\n"))
    assert both.types == ["VARCHAR", "VARCHAR"]
    assert both.events == [("1", "7"), ("3", "9"), ("007", "7")]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([13085.0, float("nan"), None, 0.5]), ["13085.0", "0.5"]),
        (pa.array([b"a", b"\xc3\xa9", None]), ["a", "é"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array(["", "x", None]), ["x"]),
        (pa.array([True, None]), ["true"]),
    ],
)
def test_ids_of_other_types_are_their_text(tmp_path: Path, values: Any, texts: list[str]) -> None:
    pq.write_table(pa.table({"user": values, "item": pa.array(["i"] * len(values))}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").column("user_id") == texts


def test_lists_are_no_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": ["u"], "item": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"item.*an id must be a string or a number"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("text", ["u1 a b c\nu2 d\n", "u1\ta\tb\tc\nu2  d \n\n", " u1 a b c\nu2 d"])
def test_ragged_lines_with_blanks_are_sequences(tmp_path: Path, text: str) -> None:
    log = read(write(tmp_path / "a.txt", text))
    assert log.events == [("u1", "a"), ("u1", "b"), ("u1", "c"), ("u2", "d")]
    assert (log.staged.files[0].format, log.staged.time_type) == ("sequences", None)


def test_sequences_may_have_a_delimiter_and_users_without_items_are_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "u1,a b,c\nu2\n")
    log = read(file, format="sequences", delimiter=",")
    assert log.events == [("u1", "a b"), ("u1", "c")]
    assert log.funnel == {"read": 3, "missing user or item id": 1}


def test_blank_delimited_lines_of_equal_length_have_two_readings(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "1 2 3\n4 5 6\n7 8 9\n")
    with pytest.raises(DataError, match=r"the format is ambiguous.*3 columns.*sequences") as caught:
        read(file)
    assert "--format csv --delimiter ' '" in str(caught.value.tip)
    assert "--format sequences" in str(caught.value.tip)
    assert len(read(file, format="sequences").rows) == 6
    assert read(file, format="csv", user="1", item="2", time="3").rows == [("1", "2", 3), ("4", "5", 6), ("7", "8", 9)]


def test_blank_delimited_text_with_known_names_is_columns(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", "user item time\n1 2 3\n4 5 6\n")).rows == [("1", "2", 3), ("4", "5", 6)]


def test_two_delimiters_that_both_fit_are_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ambiguous") as caught:
        read(write(tmp_path / "a.txt", "1;2,5;3\n1;4,5;6\n"))
    assert "--delimiter ','" in str(caught.value.tip)
    assert "--delimiter ';'" in str(caught.value.tip)


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("rows", [5, 29, 99, 2000])
def test_commas_in_the_numbers_are_no_delimiter_below_a_header(tmp_path: Path, name: str, rows: int) -> None:
    lines = [f"{n},20;P{n % 7};{'Hemd, blau' if n % 9 else 'Hut'};{n};K{n % 5}" for n in range(rows)]
    text = "\ufeff" + "\r\n".join(["Preis;Produkt;Bezeichnung;Zeit;Kunde", *lines]) + "\r\n"
    file = write(tmp_path / name, text)
    for columns in ({"user": "kunde", "item": "Produkt", "time": "Zeit"}, {"user": "5", "item": "2", "time": "4"}):
        assert read(file, **columns).rows == [(f"K{n % 5}", f"P{n % 7}", n) for n in range(rows)]


def test_a_column_that_is_named_says_where_the_lines_are_cut(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "who|a,what|b,when|c\nu|x,i|y,1|5\nu|x,j|y,2|5\n")
    assert read(file, user="who|a", item="what|b").events == [("u|x", "i|y"), ("u|x", "j|y")]
    assert read(file, user="who", item="c").events == [("u", "5"), ("u", "5")]


def test_numbers_that_either_delimiter_may_cut_are_asked_about_without_a_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ambiguous") as caught:
        read(write(tmp_path / "a.csv", "1,20;P2;K1\n1,30;P3;K1\n"), user="3", item="2")
    assert "--delimiter ';'" in str(caught.value.tip)


def test_a_first_line_of_texts_among_texts_is_ambiguous(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "alice,apple\nbob,pear\n")
    with pytest.raises(DataError, match=r"line 1: this line can be a header or the first row.*alice,apple") as caught:
        read(file, user="1", item="2")
    assert "with the delimiter ','" in caught.value.message
    assert "--header, or --no-header" in str(caught.value.tip)
    assert "--delimiter" in str(caught.value.tip)
    assert len(read(file, user="1", item="2", header=False).rows) == 2
    assert read(file, user="1", item="2", header=True).events == [("bob", "pear")]
    assert read(file, user="alice", item="apple").events == [("bob", "pear")]


@pytest.mark.parametrize("text", ["who,what,when\na,b,1\nc,d,2\n", "userId,thing\n1,2\n"])
def test_a_first_line_unlike_its_columns_is_a_header(tmp_path: Path, text: str) -> None:
    log = read(write(tmp_path / "a.csv", text), user="1", item="2")
    assert len(log.rows) == text.count("\n") - 1


def test_a_header_may_lack_names_and_a_first_line_of_positions_is_asked_about(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", ",user,item\n0,u,i\n1,u,j\n")).events == [("u", "i"), ("u", "j")]
    with pytest.raises(DataError, match="this line can be a header or the first row"):
        read(write(tmp_path / "b.csv", "0,1,2\n7,8,9\n"), user="1", item="2")


def test_names_that_stand_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains the column 'user' twice"):
        read(write(tmp_path / "a.csv", "user,item,User\n1,2,3\n"))


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", " \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv: the file is empty"):
        read(write(tmp_path / "a.csv", content))


def test_a_log_without_rows_is_refused_but_an_empty_part_is_not(tmp_path: Path) -> None:
    empty = write(tmp_path / "a.csv", "user_id,item_id,timestamp\n")
    with pytest.raises(DataError, match=r"a\.csv: the file contains no rows"):
        read(empty)
    pq.write_table(
        pa.table({"user": pa.array([], pa.string()), "item": pa.array([], pa.string())}), tmp_path / "a.parquet"
    )
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path / "a.parquet")
    full = write(tmp_path / "b.csv", "user_id,item_id,timestamp\nu,i,1\n")
    assert [file.rows for file in read(empty, full).staged.files] == [0, 1]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04", "ZIP data is truncated"),
        (b"BZh9", "bzip2 data is truncated"),
        (b"\xfd7zXZ\0", "xz data is truncated"),
        (b"SQLite format 3\0", "SQLite"),
        (b"FEA1", "Feather"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07\0", "a RAR archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"ORC", "the ORC file is truncated or corrupt"),
        (b"Obj\x01", "an Avro file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"\x80\x04\x95" + bytes(8) + b"}", "a Python pickle"),
        (b"\x80\x02}q", "a Python pickle"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
        (b"\x04\x22\x4d\x18", "compressed with lz4"),
        (b"\n <!DOCTYPE HTML>", "an HTML page"),
        (b"<html lang=en>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML document"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_foreign_formats_are_named(tmp_path: Path, head: bytes, what: str) -> None:
    with pytest.raises(DataError, match=what):
        read(write(tmp_path / "a.csv", head + bytes(range(256))))


def test_binary_garbage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"NUL byte|not valid UTF-8"):
        read(write(tmp_path / "a.csv", bytes(range(255, -1, -1)) * 10))
    with pytest.raises(DataError, match="not a Parquet file"):
        read(write(tmp_path / "a.parquet", "user,item\n1,2\n"))


def test_utf16_without_the_flag_names_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item,time\nu,é,1\n".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16") as caught:
        read(file)
    assert "--text-encoding utf-16" in str(caught.value.tip)
    assert read(file, text_encoding="utf-16").rows == [("u", "é", 1)]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gb18030", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path / "a.csv.gz", "user,item,time\nu,é,1\n".encode(encoding))
    log = read(file, text_encoding=encoding)
    assert log.rows == [("u", "é", 1)]
    assert log.staged.files[0].bytes == file.stat().st_size


def test_a_wrong_encoding_is_an_error_with_the_line(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", b"user,item,time\nu,\x81\xff,1\n")
    with pytest.raises(DataError, match=r"after line 1: the text is not valid shift_jis"):
        read(file, text_encoding="shift_jis")
    with pytest.raises(UsageError, match="nonsense"):
        read(file, text_encoding="nonsense")


@pytest.mark.parametrize("options", [{"delimiter": ""}, {"delimiter": "\n"}, {"delimiter": "-----"}, {"quote": "''"}])
def test_text_options_that_mean_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"--delimiter|--quote"):
        read(write(tmp_path / "a.csv", "user,item\n1,2\n"), **options)


def test_a_tab_may_be_written_as_a_shell_passes_it(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a", "user\titem\n1\t2,3\n"), delimiter=r"\t").events == [("1", "2,3")]
    assert read(write(tmp_path / "b", "user\x01item\n1\x012\n"), delimiter=r"\x01").events == [("1", "2")]


def test_names_of_columns_may_hold_anything(tmp_path: Path) -> None:
    text = '"user\'s ""own"" id",a;b,{x}\nu,i,1\nv,j,2\n'
    log = read(write(tmp_path / "a.csv", text), user='user\'s "own" id', item="a;b", where='"{x}" > 1', keep=("{x}",))
    assert log.rows == [("v", "j", 2)]


def test_a_first_line_longer_than_the_first_look(tmp_path: Path) -> None:
    text = "u1 " + " ".join(str(n) for n in range(100_000)) + "\nu2 a b\nu3 c\n"
    assert len(read(write(tmp_path / "a.txt", text)).rows) == 100_003


def test_a_wrong_delimiter_shows_the_first_line(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"the delimiter ';' does not occur in line 1; ',' does\nDid you mean --delimiter ','"
    ):
        read(write(tmp_path / "a.csv", "user,item\n1,2\n"), delimiter=";")


def test_one_column_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only one column"):
        read(write(tmp_path / "a.csv", "user\n1\n2\n"))


def test_a_format_against_the_content_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": ["u"], "item": ["i"]}), tmp_path / "a")
    with pytest.raises(DataError, match="--format csv was given, but the content is Parquet"):
        read(tmp_path / "a", format="csv")
