"""Which files the SOURCE arguments mean."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import ingest
from genpas_cli.ingest.files.source_files import find_sources
from genpas_cli.runtime.errors import DataError, UsageError
from tests.ingest.support import read, write

LOG = "user_id,item_id,timestamp\nu1,i1,1\nu2,i2,2\n"


def test_a_directory_gives_its_files_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.csv", "a/z.csv", ".hidden.csv", "_SUCCESS", "_tmp/x.csv", ".git/y.csv"):
        write(tmp_path / "logs" / name, LOG)
    found = find_sources([str(tmp_path / "logs")], scratch=tmp_path)
    assert [Path(file.name).relative_to(tmp_path / "logs").as_posix() for file in found] == ["a/z.csv", "b.csv"]


def test_documents_in_a_directory_are_not_read_and_that_is_said(tmp_path: Path) -> None:
    for name in ("a.csv", "readme_first.csv"):
        write(tmp_path / "logs" / name, LOG.replace("u1", f"{name[0]}1"))
    for name in ("README.md", "ReadMe", "LICENSE.txt", "sub/notes.md"):
        write(tmp_path / "logs" / name, "Read this\n")
    skipped: list[str] = []
    found = find_sources([str(tmp_path / "logs")], scratch=tmp_path, skipped=skipped)
    assert [Path(file.name).name for file in found] == ["a.csv", "readme_first.csv"]
    assert {Path(name).name for name in skipped} == {"README.md", "ReadMe", "LICENSE.txt", "notes.md"}
    (note,) = (note for note in read(tmp_path / "logs").staged.notes if note.startswith("not read"))
    assert all(name in note for name in skipped)
    write(tmp_path / "LICENSE", LOG)
    assert len(read(tmp_path / "LICENSE").rows) == 2


def test_a_directory_of_documents_has_no_logs(tmp_path: Path) -> None:
    write(tmp_path / "logs/README.md", "Read this\n")
    with pytest.raises(DataError, match="the directory contains no logs"):
        find_sources([str(tmp_path / "logs")], scratch=tmp_path)


def test_a_pattern_gives_its_matches_in_natural_order(tmp_path: Path) -> None:
    for name in ("p10.csv", "p2.csv", "q.csv"):
        write(tmp_path / name, LOG)
    found = find_sources([str(tmp_path / "p*.csv")], scratch=tmp_path)
    assert [file.path.name for file in found] == ["p2.csv", "p10.csv"]


def test_arguments_keep_their_order(tmp_path: Path) -> None:
    names = [str(write(tmp_path / name, LOG)) for name in ("z.csv", "a.csv")]
    assert [file.name for file in find_sources(names, scratch=tmp_path)] == names


def test_a_missing_file_names_what_there_is(tmp_path: Path) -> None:
    write(tmp_path / "ratings.csv", LOG)
    with pytest.raises(DataError, match=r"rating\.csv: no such file") as caught:
        find_sources([str(tmp_path / "rating.csv")], scratch=tmp_path)
    assert "ratings.csv" in str(caught.value.tip)


def test_names_are_similar_without_their_endings(tmp_path: Path) -> None:
    for name in ("nohead.csv", "two.csv", "empty.csv"):
        write(tmp_path / name, LOG)
    for missing, told in (("nope*.csv", "Names in "), ("nohaed.parquet", "Similar names in "), ("two", "Similar")):
        with pytest.raises(DataError) as caught:
            find_sources([str(tmp_path / missing)], scratch=tmp_path)
        assert str(caught.value.tip).startswith(told), missing


def test_options_of_text_files_have_no_effect_on_others_and_that_is_noted(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": ["u"], "item_id": ["i"]}), tmp_path / "a.parquet")
    notes = read(tmp_path / "a.parquet", delimiter=";").staged.notes
    assert "--delimiter has no effect: the log is not a text file" in notes
    assert not any("no effect" in note for note in read(write(tmp_path / "a.csv", LOG), delimiter=",").staged.notes)


def test_a_pattern_without_matches_and_an_empty_directory_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file matches"):
        find_sources([str(tmp_path / "*.csv")], scratch=tmp_path)
    with pytest.raises(DataError, match="the directory contains no files"):
        find_sources([str(tmp_path)], scratch=tmp_path)


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", LOG)
    with pytest.raises(UsageError, match="twice"):
        find_sources([str(file), str(tmp_path)], scratch=tmp_path)


def test_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SOURCE"):
        find_sources([], scratch=tmp_path)


def test_a_name_that_is_not_utf_8_is_kept_written_out(tmp_path: Path) -> None:
    log = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    log.write_text("user,item,time\nu,a,1\nu,b,2\n", encoding="utf-8")
    ingest(log, tmp_path / "log.store")
    with duckdb.connect(str(tmp_path / "log.store"), read_only=True) as con:
        ((name,),) = con.sql("select name from sources").fetchall()
    assert name == "caf\\udce9.csv"


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_stdin_may_be_compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    data = write(tmp_path / f"x.csv{suffix}", LOG).read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    log = read("-")
    assert log.events == [("u1", "i1"), ("u2", "i2")]
    assert (log.staged.files[0].name, log.staged.files[0].bytes) == ("stdin", len(data))


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(LOG,))
    writer.start()
    try:
        assert read(pipe).events == [("u1", "i1"), ("u2", "i2")]
    finally:
        writer.join()


def test_several_files_of_several_formats_are_one_log_in_their_order(tmp_path: Path) -> None:
    first = write(tmp_path / "b.csv", LOG)
    second = write(tmp_path / "a.jsonl.gz", '{"timestamp": 3.5, "userId": "u3", "itemId": 7}\n')
    log = read(first, second)
    assert log.events == [("u1", "i1"), ("u2", "i2"), ("u3", "7")]
    assert log.column("time") == [1.0, 2.0, 3.5]
    assert [file.rows for file in log.staged.files] == [2, 1]


def test_hive_columns_come_from_the_path_only_when_asked(tmp_path: Path) -> None:
    for day in ("2024-01-01", "2024-01-02"):
        write(tmp_path / "log" / f"day={day}" / "user=9" / "part.csv", f"user,item\nu,{day[-1]}\n")
    assert read(tmp_path / "log").events == [("u", "1"), ("u", "2")]
    log = read(tmp_path / "log", hive=True, time="day", keep=("day",))
    assert log.column("time") == sorted(log.column("time"))
    assert log.column("keep_0") == ["2024-01-01", "2024-01-02"]
    assert set(log.column("user_id")) == {"u"}  # the file's own column wins over user=9
