"""Bad input: the exit code of the contract, one clear message, nothing written and nothing lost."""

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

from tests.support import Genpas, InProcess, refused, small_log, unchanged, words_of

DATA, USAGE, MACHINE = 1, 2, 3

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


# --------------------------------------------------------------------------------------------------------------- files


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
        ("no interactions are left", "users with fewer than 9 interactions", "6 dropped"),
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
        ("5000,6000", "no interactions would be held out: of 4 interactions, 4 are before the first time and 0"),
        ("80,90", "no interactions would be left for training: of 4 interactions, 0 are before the first time and 4"),
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


# ------------------------------------------------------------------------------------------------------------- options

BAD_OPTIONS = {
    "--alpha nan": ("alpha", "nan", "-50 to 50"),
    "--beta 51": ("beta", "51", "-50 to 50", "inf"),
    "--gamma -51": ("gamma", "-51", "-50 to 50", "inf"),
    "--alpha x": ("--alpha", "a number"),
    "--pairs 0": ("--pairs", "0", "2x", "all"),
    "--pairs -1": ("--pairs", "-1"),
    "--pairs 0x": ("--pairs", "0x"),
    "--pairs nanx": ("--pairs", "nanx"),
    "--pairs 1e9999x": ("--pairs", "1e9999x"),
    "--pairs ten": ("--pairs", "ten", "2x", "all"),
    "--pairs all": ("--pairs all", "--pairs 2x"),
    "--epochs 0": ("--epochs", "0", "1 or more"),
    "--epochs 2 -s slide-window": ("--epochs", "--pairs"),
    "--max-input 0": ("--max-input", "0", "none"),
    "--max-input many": ("--max-input", "many", "none"),
    "--threads 0": ("--threads", "0", "1 or more"),
    "--seed -1": ("--seed", "-1", "0 or more"),
    "--seed x": ("--seed", "a whole number"),
    "--shard-rows 0": ("--shard-rows", "0", "1 or more"),
    "--memory-limit 0MB": ("'0MB'", "2GB"),
    "--memory-limit much": ("'much'", "2GB"),
    "--temp-dir nosuch": ("--temp-dir nosuch", "mkdir"),
    "-s slide-window --alpha 1": ("--alpha", "slide-window"),
    "-s 1,0,0 --gamma 1": ("--gamma", "1,0,0"),
    "-s slide-windows": ("slide-windows", "slide-window"),
    "-s 1,2": ("'1,2'", "2 biases", "0.5,0,0"),
    "-s 1,2,99": ("99", "-50 to 50"),
    "--draw often": ("--draw", "'often'", "balanced", "independent"),
    "--order random": ("--order", "'random'", "shuffled", "user"),
    "--ids raw": ("--ids", "-o -"),
    "--split-out test": ("--split-out", "-o -"),
    "-o - --json": ("-o -", "--json"),
    "-o - --dry-run": ("-o -", "--dry-run"),
    "--store kept.store": ("--store", "already"),
}


OPTIONS_IN_THE_ISSUE = (
    "--alpha nan",
    "--beta 51",
    "--pairs 0",
    "--max-input 0",
    "--threads 0",
    "-s slide-window --alpha 1",
)


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_an_option_of_augment_that_makes_no_sense(genpas: Genpas, inside: InProcess, made: Path, options: str) -> None:
    shutil.copytree(made / "log.pairs", genpas.cwd / "log.pairs")
    run = genpas if options in OPTIONS_IN_THE_ISSUE else inside
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = run("augment", made / "log.store", "--force", "-o", "log.pairs", *options.split())
    refused(done, USAGE, *BAD_OPTIONS[options])


@pytest.mark.parametrize(
    "options", ["--force", "--user-ids raw", "--part 1/2", "--resume", "--form cuts", "--engine spark"]
)
def test_what_is_for_files_does_not_go_with_a_stream(inside: InProcess, store: Path, options: str) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", store, "-o", "-", *options.split())
    refused(done, USAGE, "-o -", options, "--ids raw")


BAD_INGEST_OPTIONS = {
    "--split half": ("--split", "'half'", "leave-one-out", "time:"),
    "--split time:0.8": ("--split", "time:0.8"),
    "--split time:0.9,0.8": ("--split", "0.9,0.8"),
    "--session-gap soon": ("--session-gap", "soon", "30m"),
    "--session-gap 0m": ("--session-gap", "0m"),
    "--min-user -1": ("--min-user", "-1"),
    "--min-rating nan": ("--min-rating", "nan"),
    "--min-rating inf": ("--min-rating", "inf"),
    "--keep split": ("--keep", "split"),
    "--text-encoding utf-9": ("--text-encoding", "utf-9"),
    "--format excel": ("--format", "'excel'", "parquet"),
    "--ties first": ("--ties", "'first'", "file"),
    "--time-format %Q": ("--time-format", "%Q"),
    "--delimiter ''": ("--delimiter",),
    "--where (": ("--where", "user_id, item_id, timestamp"),
    "--where nosuch>1": ("--where", "nosuch", "user_id, item_id, timestamp"),
    "--where item_id": ("--where", "item_id"),
}


@pytest.mark.parametrize("options", BAD_INGEST_OPTIONS)
def test_an_option_of_ingest_that_makes_no_sense(inside: InProcess, made: Path, options: str) -> None:
    shutil.copy(made / "log.store", inside.cwd / "out.store")
    arguments = [word.replace("''", "") for word in options.split()]
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", made / "log.csv", "--force", "-o", "out.store", *arguments)
    refused(done, USAGE, *BAD_INGEST_OPTIONS[options])


@pytest.mark.parametrize(
    "condition",
    [
        "item_id in (select column0 from read_csv('secret.csv'))",
        "exists (from 'secret.csv')",
        "true); copy (select 1) to 'written.csv'; --",
        "true; attach 'written.db'",
        "read_text('secret.csv') is not null",
        "len(getenv('HOME')) > 0",
        "item_id = getvariable('x')",
        "random() < 0.5",
        "true union all select 1",
        "timestamp > epoch(now())",
    ],
    ids=lambda condition: condition,
)
def test_where_reads_nothing_else_and_writes_nothing(
    genpas: Genpas, inside: InProcess, log: Path, condition: str
) -> None:
    (genpas.cwd / "secret.csv").write_text("a secret\n", encoding="utf-8")
    run = genpas if ".csv" in condition else inside
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = run("ingest", log, "-o", "out.store", "--where", condition)
    refused(done, USAGE, "--where", "user_id, item_id, timestamp")
    assert "a secret" not in done.stderr


def test_an_enumeration_too_large(genpas: Genpas) -> None:
    (genpas.cwd / "log.csv").write_bytes(csv(*(f"u1,i{n},{n}" for n in range(200))))
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", "log.csv", "-s", "slide-window")
    refused(done, USAGE, "--pairs all", "--pairs 1x")


def test_the_sampled_command_that_is_named_instead_of_an_enumeration_works(inside: InProcess) -> None:
    (inside.cwd / "log.csv").write_bytes(csv(*(f"u1,i{n},{n}" for n in range(200))))
    tip = inside("augment", "log.csv", "-s", "slide-window").stderr.splitlines()[-1]
    options = ["--pairs", words_of(tip)[words_of(tip).index("--pairs") + 1]]
    assert inside("augment", "log.csv", "-s", "slide-window", *options).returncode == 0


def test_sources_that_do_not_go_together(inside: InProcess, made: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", made / "log.store", made / "log.csv", "-o", "out.pairs")
    assert done.returncode in (DATA, USAGE)
    refused(done, done.returncode, "log.store", "store")


def test_a_store_is_no_log(inside: InProcess, store: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", store, "-o", "out.store")
    refused(done, DATA, "log.store", "store", "genpas augment")


@pytest.mark.parametrize(
    ("pairs", "copy"),
    [("s3://shop/x.pairs", "aws s3 sync"), ("gs://shop/x.pairs", "gcloud storage rsync --recursive")],
)
def test_parts_on_object_storage_are_not_merged(inside: InProcess, pairs: str, copy: str) -> None:
    refused(inside("merge", pairs), DATA, f"{pairs} is on object storage", f"{copy} {pairs} x.pairs")
