"""Logs that cannot be used: the exit code of the contract, one clear message, nothing written and nothing lost."""

from __future__ import annotations

import gzip
import io
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support import Genpas, InProcess, refused, small_log, unchanged

DATA, USAGE = 1, 2

ROWS = ["u1,i1,1", "u1,i2,2", "u1,i3,3", "u2,i1,1", "u2,i2,2", "u2,i3,3"]


def csv(*rows: str, header: str = "user_id,item_id,timestamp") -> bytes:
    """Return a CSV file."""
    return ("\n".join((header, *rows)) + "\n").encode()


def parquet(**columns: object) -> bytes:
    """Return a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


LONG = small_log(200).encode()


@dataclass(frozen=True)
class Bad:
    """A log that cannot be used."""

    id: str
    name: str
    content: bytes | None
    words: tuple[str, ...]
    """What the message must hold."""
    options: tuple[str, ...] = ()


IN_THE_ISSUE = (
    "missing",
    "empty",
    "only a header",
    "binary",
    "truncated gzip",
    "truncated zst",
    "truncated Parquet",
    "too few fields",
    "NUL byte",
    "UTF-16",
    "not valid UTF-8",
    "text for a time",
    "NaN time",
    "no user column",
    "two user columns",
    "a column twice",
)
"""These run in a process of their own."""

BAD_LOGS = [
    Bad("missing", "logz.csv", None, ("logz.csv", "no such file", "other.csv")),
    Bad("empty", "log.csv", b"", ("log.csv", "empty")),
    Bad("only blank lines", "log.csv", b"\n\n\n", ("log.csv",)),
    Bad("only a header", "log.csv", csv(), ("log.csv", "no rows", "header")),
    Bad("binary", "log.csv", bytes(range(256)) * 40, ("log.csv", "line 1", "binary")),
    Bad(
        "binary, no NUL",
        "log.csv",
        random.Random(0).randbytes(5000).replace(b"\0", b"\1"),
        ("log.csv", "not valid UTF-8"),
    ),  # no secret
    Bad("an image", "log.csv", b"\x89PNG\r\n\x1a\n" + bytes(300), ("log.csv",)),
    Bad("truncated gzip", "log.csv.gz", gzip.compress(LONG)[:-200], ("log.csv.gz", "truncated", "gzip -t log.csv.gz")),
    Bad("gzip without its end", "log.csv.gz", gzip.compress(LONG)[:-4], ("log.csv.gz", "truncated")),
    Bad(
        "gzip, wrong sum",
        "log.csv.gz",
        gzip.compress(LONG)[:-8] + bytes(4) + gzip.compress(LONG)[-4:],
        ("log.csv.gz", "corrupt"),
    ),
    Bad(
        "truncated zst",
        "log.csv.zst",
        pa.compress(LONG, codec="zstd", asbytes=True)[:-100],
        ("log.csv.zst", "truncated", "zstd -t log.csv.zst"),
    ),
    Bad(
        "truncated Parquet",
        "log.parquet",
        parquet(user_id=["a"] * 99, item_id=list(range(99)))[:-50],
        ("log.parquet", "Parquet", "truncated"),
    ),
    Bad("damaged Parquet", "log.parquet", b"PAR1" + bytes(500) + b"PAR1", ("log.parquet", "Parquet")),
    Bad("too few fields", "log.csv", csv(*ROWS, "u3,i1", "u3,i2,5"), ("log.csv", "line 8", "u3,i1", "--bad-rows skip")),
    Bad("too many fields", "log.csv", csv(*ROWS, "u3,i1,4,4", "u3,i2,5"), ("log.csv", "line 8", "--bad-rows skip")),
    Bad("unfinished quote", "log.csv", csv(*ROWS, 'u3,"i1,4', "u3,i2,5"), ("log.csv", "quote")),
    Bad("NUL byte", "log.csv", csv(*ROWS, "u3,i\0001,4"), ("log.csv", "line 8", "NUL")),
    Bad(
        "UTF-16",
        "log.csv",
        csv(*ROWS).decode().encode("utf-16"),
        ("log.csv", "line 1", "UTF-16", "--text-encoding utf-16"),
    ),
    Bad(
        "not valid UTF-8",
        "log.csv",
        csv(*ROWS, "u3,caf\xe9,4").decode().encode("latin-1"),
        ("log.csv", "line 8", "not valid UTF-8", "--text-encoding latin-1"),
    ),
    Bad(
        "text for a time",
        "log.csv",
        csv(*ROWS, "u3,i1,noon"),
        ("log.csv", "line 8", "'noon'", "timestamp", "--bad-rows skip"),
    ),
    Bad(
        "text for every time",
        "log.csv",
        csv("u1,i1,dawn", "u1,i2,noon"),
        ("log.csv", "timestamp", "'dawn'", "--time-format"),
    ),
    Bad("NaN time", "log.csv", csv("u1,i1,1.5", "u1,i2,NaN", "u1,i3,2.5"), ("log.csv", "line 3", "NaN", "timestamp")),
    Bad(
        "NaN time, Parquet",
        "log.parquet",
        parquet(user_id=["a", "a"], item_id=["x", "y"], timestamp=[1.0, float("nan")]),
        ("log.parquet", "row 2", "timestamp", "nan"),
    ),
    Bad("no time in a row", "log.csv", csv(*ROWS, "u3,i1,"), ("log.csv", "line 8", "timestamp")),
    Bad(
        "no user column",
        "log.csv",
        csv(*ROWS, header="who,item_id,timestamp"),
        ("log.csv", "who, item_id, timestamp", "example: --user who --item item_id --time timestamp"),
    ),
    Bad(
        "no item column",
        "log.csv",
        csv(*ROWS, header="user_id,what,timestamp"),
        ("log.csv", "user_id, what, timestamp", "example: --user user_id --item what --time timestamp"),
    ),
    Bad(
        "two user columns",
        "log.csv",
        csv("u1,v1,i1,1", "u1,v1,i2,2", header="user,uid,item_id,timestamp"),
        ("log.csv", "user or uid", "user, uid, item_id, timestamp", "example: --user user --item item_id"),
    ),
    Bad(
        "two time columns",
        "log.csv",
        csv("u1,i1,1,1", "u1,i2,2,2", header="user_id,item_id,time,date"),
        ("log.csv", "time or date", "user_id, item_id, time, date", "--time"),
    ),
    Bad(
        "a column twice",
        "log.csv",
        csv("u1,i1,i9,1", "u1,i2,i8,2", header="user_id,item_id,item_id,timestamp"),
        ("log.csv", "item_id", "twice", "user_id, item_id, item_id, timestamp"),
    ),
    Bad("a column twice, Parquet", "log.parquet", b"two", ("log.parquet", "item_id", "twice")),
    Bad(
        "a column that is not there",
        "log.csv",
        csv(*ROWS),
        ("log.csv", "'who'", "--user", "user_id, item_id, timestamp"),
        ("--user", "who"),
    ),
    Bad("a position too high", "log.csv", csv(*ROWS), ("log.csv", "9", "user_id, item_id, timestamp"), ("--user", "9")),
    Bad(
        "nothing is left",
        "log.csv",
        csv(*ROWS),
        ("no interactions are left", "'users with fewer than 9 interactions' dropped 6 of 6"),
        ("--min-user", "9"),
    ),
    Bad(
        "every row is bad",
        "log.csv",
        csv("u1,i1,noon", "u1,i2,dawn"),
        ("no interactions are left", "without --bad-rows skip"),
        ("--bad-rows", "skip", "--time-format", "%Y"),
    ),
    Bad(
        "where keeps nothing",
        "log.csv",
        csv(*ROWS),
        ("no interactions are left", "where"),
        ("--where", "item_id = 'x'"),
    ),
    Bad("not JSON", "log.jsonl", b'{"user_id": 1, "item_id": 2}\nnot json\n', ("log.jsonl", "line 2")),
    Bad(
        "no column of ratings",
        "log.csv",
        csv(*ROWS),
        ("log.csv", "rating", "user_id, item_id, timestamp"),
        ("--min-rating", "3"),
    ),
]


def two_columns_of_a_name() -> bytes:
    """Return a Parquet file that names `item_id` twice."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["a", "b"])] * 3, names=["user_id", "item_id", "item_id"]), sink)
    return sink.getvalue()


@pytest.mark.parametrize("bad", BAD_LOGS, ids=lambda bad: bad.id)
def test_a_log_that_cannot_be_used(genpas: Genpas, inside: InProcess, made: Path, bad: Bad) -> None:
    shutil.copy(made / "log.store", genpas.cwd / "out.store")
    (genpas.cwd / "other.csv").touch()
    if bad.content is not None:
        content = two_columns_of_a_name() if bad.content == b"two" else bad.content
        (genpas.cwd / bad.name).write_bytes(content)
    with unchanged(genpas.cwd, genpas.temp_dir):
        run = genpas if bad.id in IN_THE_ISSUE else inside
        done = run("ingest", bad.name, "-o", "out.store", "--force", *bad.options)
    refused(done, DATA, *bad.words)


@pytest.mark.parametrize(
    "bad", [b for b in BAD_LOGS if b.id in ("missing", "too few fields", "no user column")], ids=lambda bad: bad.id
)
def test_augment_of_a_log_that_cannot_be_used(inside: InProcess, made: Path, bad: Bad) -> None:
    shutil.copytree(made / "log.pairs", inside.cwd / "log.pairs")
    shutil.copy(made / "log.store", inside.cwd / "kept.store")
    (inside.cwd / "other.csv").touch()
    if bad.content is not None:
        (inside.cwd / bad.name).write_bytes(bad.content)
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", bad.name, "-o", "log.pairs", "--store", "kept.store", "--force")
    refused(done, DATA, *bad.words)


def test_a_bad_log_leaves_no_new_directory_behind(inside: InProcess) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", "nosuch.csv", "-o", "new/deep/out.store")
    refused(done, DATA, "nosuch.csv")


def test_bad_standard_input(genpas: Genpas) -> None:
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("ingest", "-", "-o", "out.store", stdin=b"")
    refused(done, DATA, "stdin", "empty")


def test_a_directory_without_a_file(inside: InProcess) -> None:
    (inside.cwd / "logs").mkdir()
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", "logs", "-o", "out.store")
    refused(done, DATA, "logs", "no file")


def test_a_file_name_with_markup_is_told_as_it_is(inside: InProcess) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", "[red]:key:[/nothing].csv", "-o", "out.store")
    refused(done, DATA, "[red]:key:[/nothing].csv")


@pytest.mark.parametrize("name", ["SPLIT", "split", "4"])
def test_a_kept_column_with_a_name_of_ours_is_refused_however_it_is_named(inside: InProcess, name: str) -> None:
    (inside.cwd / "log.csv").write_bytes(csv("u,i,1,a", "u,j,2,b", header="user_id,item_id,timestamp,SPLIT"))
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", "log.csv", "-o", "out.store", "--keep", name)
    refused(done, USAGE, "--keep split", "reserved by genpas")


@pytest.mark.parametrize(
    ("bounds", "what"),
    [
        (
            "5000,6000",
            "no interactions would be held out. The log has 4 before 5000, 0 from 5000 to 6000, 0 from 6000 on;",
        ),
        (
            "80,90",
            "no interactions would be left for training. The log has 0 before 80, 0 from 80 to 90, 4 from 90 on;",
        ),
        ("5000", "no interactions would be held out. The log has 4 before 5000, 0 from 5000 on;"),
        ("80", "no interactions would be left for training. The log has 0 before 80, 4 from 80 on;"),
        ("1002", "the validation split would be empty. The log has 2 before 1002, 2 from 1002 on;"),
    ],
)
def test_a_split_outside_of_the_log(inside: InProcess, bounds: str, what: str) -> None:
    rows = (f"u{n},i{n},{1000 + n}" for n in range(4))
    (inside.cwd / "log.csv").write_bytes(csv(*rows))
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", "log.csv", "-o", "out.store", "--split", f"time:{bounds}")
    refused(done, DATA, bounds, what, "1000 to 1003", "time:0.8,0.9")


@pytest.mark.parametrize("to", [("-o", "out.pairs"), ("-o", "-"), ("--dry-run",)], ids=["directory", "stream", "plan"])
def test_no_user_has_two_interactions(inside: InProcess, to: tuple[str, ...]) -> None:
    (inside.cwd / "log.csv").write_bytes(csv("u1,i1,1", "u2,i2,2", "u3,i3,3"))
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", "log.csv", *to)
    refused(done, DATA, "no training pairs can be made", "none of the 3 users has two training interactions")
