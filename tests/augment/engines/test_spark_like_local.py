"""Spark gives what the local engine gives, or refuses: never another result. More logs: GENPAS_SPARK_LOGS=100."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, DataError, IngestOptions, UsageError
from genpas_cli import augment as augment_here
from genpas_cli.augment.engines import spark as engine
from genpas_cli.ingest.options import NULL_VALUES
from genpas_cli.runtime.errors import GenpasError
from genpas_cli.spark import augment
from tests.support import snapshot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]

LOGS = int(os.environ.get("GENPAS_SPARK_LOGS", "12"))


def shards(directory: Path) -> dict[str, str]:
    """Return the digests of the files with pairs, sequences and ids."""
    return {name: digest for name, digest in snapshot(directory).items() if name.endswith(".parquet")}


def ids(rng: random.Random, numbers: list[int | None]) -> pa.Array:
    """Return ids of some type."""
    kind = rng.choice(("int64", "int32", "uint8", "uint64", "decimal", "string", "large_string", "date", "dictionary"))
    if kind == "uint64":
        return pa.array([None if n is None else n + 2**63 for n in numbers], pa.uint64())
    if kind == "decimal":
        return pa.array([None if n is None else Decimal(n) for n in numbers], pa.decimal128(20, 0))
    if kind == "date":
        return pa.array([None if n is None else dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in numbers])
    if kind in ("string", "large_string", "dictionary"):
        forms = rng.choice((("é{}",), (" {}",), ("{:03}",), ("{}", "{}.0"), ("{}", "{}      "), ("{}", "  ", "NA ")))
        texts = [None if n is None else rng.choice(forms).format(n) for n in numbers]
        array = pa.array(texts, pa.large_string() if kind == "large_string" else pa.string())
        return array.dictionary_encode() if kind == "dictionary" else array
    return pa.array(numbers, getattr(pa, kind)())


def times(rng: random.Random, seconds: list[int]) -> pa.Array:
    """Return times of some type and unit."""
    kind = rng.choice(("int64", "uint64", "double", "timestamp", "timestamp", "zoned", "date", "decimal", "text"))
    if kind == "double":
        return pa.array([second + 0.5 for second in seconds])
    if kind in ("timestamp", "zoned"):
        unit = rng.choice(("s", "ms", "us", "ns"))
        factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        zone = rng.choice(("UTC", "Asia/Tokyo")) if kind == "zoned" else None
        return pa.array([second * factor for second in seconds], pa.timestamp(unit, zone))
    if kind == "date":
        return pa.array([second // 86400 for second in seconds], pa.int32()).cast(pa.date32())
    if kind == "decimal":
        return pa.array([Decimal(second) for second in seconds], pa.decimal128(14, 2))
    if kind == "text":
        return pa.array([str(second) for second in seconds])
    return pa.array([abs(second) for second in seconds], getattr(pa, kind)())


def made(rng: random.Random, root: Path) -> None:
    """Write a log in one to four files, in nested directories, whose columns are in other orders."""
    rows = rng.randint(150, 400)

    def some(*values: Any) -> list[Any]:
        return [rng.choice(values) for _ in range(rows)]

    start, spread = rng.choice(((1_700_000_000, 300), (1_600_000_000, 10**7), (-5000, 10_000)))
    columns = {
        "user_id": ids(rng, some(None, *range(1, 25))),
        "item_id": ids(rng, some(*range(1, 20))),
        "timestamp": times(rng, [start + rng.randint(0, spread) for _ in range(rows)]),
        "rating": pa.array(some(1.0, 2.5, 4.0, -0.0, 0.0), rng.choice((pa.float32(), pa.float64()))),
        "small": pa.array(some(1, 2, None), rng.choice((pa.int8(), pa.uint16(), pa.int64()))),
        "flag": pa.array(some(*(True, False, None))),
        "shop": pa.array(some("a", "", None, "NA", "5", "5.0")),
        "day": pa.array([rng.randint(0, 20000) for _ in range(rows)], pa.int32()).cast(pa.date32()),
    }
    table = pa.table(columns)
    cuts = sorted({0, rows, *(rng.randrange(1, rows) for _ in range(rng.randint(0, 3)))})
    for n, (begin, end) in enumerate(pairwise(cuts)):
        folder = root / rng.choice((".", "deep", "deep/er", "b a", "x%20y", "c[1]", "hour=1", "hour=2/day=2024-01-01"))
        folder.mkdir(parents=True, exist_ok=True)
        names = rng.sample(table.column_names, len(table.column_names))
        pq.write_table(table.slice(begin, end - begin).select(names), folder / f"part_{n + 8}.parquet")


def options(rng: random.Random) -> tuple[AugmentOptions, IngestOptions]:
    """Return some way of cutting and reading."""
    keep = tuple(rng.sample(("small", "flag", "shop", "day", "rating"), rng.randint(0, 3)))
    cutting: dict[str, Any] = {
        "alpha": rng.choice((None, 0.5, -1.0)), "shard_rows": rng.choice((60, 1_000_000)),
        "form": rng.choice(("items", "cuts")), "user_ids": rng.choice(("none", "raw")),
    }  # fmt: skip
    reading: dict[str, Any] = {
        "keep": keep, "ties": rng.choice(("file", "item", "hash")),
        "split": rng.choice(("leave-one-out", "none", "time:0.6,0.8")),
        "null_values": rng.choice((NULL_VALUES, NULL_VALUES, "1,7, é3")),
        "decimal_ids": rng.choice(("error", "integer", "text")),
        "dedup": rng.choice(("none", "none", "exact", "consecutive", "user-item")),
        "min_rating": rng.choice((None, None, 0.0, 2.0)), "min_user": rng.choice((0, 4)),
    }  # fmt: skip
    return AugmentOptions(**cutting), IngestOptions(**reading)


def outcome(run: Callable[[], Any], output: Path) -> dict[str, str] | str:
    """Return the digests of what was made, or the message of a refusal."""
    try:
        run()
    except GenpasError as error:
        said = str(error)
    else:
        return shards(output)
    assert not output.exists()
    assert "Py4J" not in said
    assert "\tat " not in said
    assert not said.startswith("Spark failed")  # an error, and not a refusal
    return said


@pytest.mark.parametrize("seed", range(LOGS))
def test_the_same_as_on_one_machine_or_a_refusal(spark: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    made(rng, tmp_path / "log")
    cutting, reading = options(rng)
    log, here, there = tmp_path / "log", tmp_path / "here.pairs", tmp_path / "there.pairs"
    local = outcome(lambda: augment_here(log, here, cutting, ingest_options=reading), here)
    other = outcome(lambda: augment(log, there, cutting, ingest_options=reading, spark=spark), there)
    print(f"log {seed}: {'the same' if other == local else other}")  # noqa: T201  # with -s: how many were refused
    assert isinstance(other, str) or other == local


def write(path: Path, *, int96: bool = False, **columns: Any) -> Path:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, use_deprecated_int96_timestamps=int96)
    return path


USERS = [n // 6 for n in range(60)]
ITEMS = [n * 7 % 11 for n in range(60)]
TIMES = [1_700_000_000 + n for n in range(60)]

BLANK = " " * 12
ALIKE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "markers of missing ids, blanks around them": (
        {"item_id": ["-", " - ", "-" + BLANK, BLANK, "NA", "??", "?? "] * 8 + ["a"] * 4}, {"null_values": "-, ??"},
    ),
    "no markers": ({"item_id": ["NA", "NA ", "null", ""] * 15}, {"null_values": ""}),
    "numbers that mean a missing id": ({}, {"null_values": "0,-1,007"}),
    "1.0 is 1": ({"user_id": [f"{n // 6}" + ".0" * (n % 2) for n in range(60)]}, {"decimal_ids": "integer"}),
    "1.0 is not 1, ties by a hash": (
        {"item_id": [f"{n % 7}" + ".00" * (n % 2) for n in range(60)], "timestamp": [n // 3 for n in range(60)]},
        {"decimal_ids": "text", "ties": "hash"},
    ),
    "1.0 is 1, ties by a hash": (
        {"item_id": [f"{n % 7}" + ".00" * (n % 2) for n in range(60)], "timestamp": [n // 3 for n in range(60)]},
        {"decimal_ids": "integer", "ties": "hash"},
    ),
    "rows that are equal in value": (
        {
            "item_id": [n // 2 for n in range(60)], "timestamp": [n // 2 for n in range(60)],
            "shop": ["5", "5.0", "+5.0", "5.00", "a", None] * 10, "price": [0.0, -0.0, float("nan")] * 20,
        },
        {"dedup": "exact", "keep": ("shop", "price")},
    ),
    "columns kept as they are": (
        {
            "a": pa.array([n - 30 for n in range(60)], pa.int8()), "b": pa.array(range(60), pa.uint8()),
            "c": pa.array(range(60), pa.uint16()), "d": pa.array(range(60), pa.uint32()),
            "e": pa.array([2**64 - 1 - n for n in range(60)], pa.uint64()),
            "f": pa.array([n / 7 for n in range(60)], pa.float32()),
            "g": pa.array(range(60), pa.date32()), "h": pa.array(range(60), pa.timestamp("us")),
            "i": pa.array(range(60), pa.timestamp("us", "Asia/Tokyo")), "j": pa.array(range(60), pa.timestamp("ns")),
            "k": [b"\x00%d" % n for n in range(60)],
            "l": pa.array([Decimal(n) / 4 for n in range(60)], pa.decimal128(30, 2)),
            "m": [None, True, False] * 20, "n": pa.array(range(60), pa.timestamp("ms")),
        },
        {"keep": tuple("abcdefghijklmn")},
    ),
    "a split by time that is no quantile": ({}, {"split": "time:1700000020,2023-11-14T22:14:00", "eval": "first"}),
    "times before 1970": (
        {"timestamp": pa.array([(-1) ** n * (3**n % 10**17) for n in range(60)], pa.timestamp("us"))}, {},
    ),
    "days": ({"timestamp": pa.array([(-3) ** (n % 9) for n in range(60)], pa.date32())}, {"ties": "item"}),
    "times that are infinite": (
        {"timestamp": pa.array([2**63 - 1, -(2**63) + 1, *range(58)], pa.timestamp("us", "UTC"))}, {"bad_rows": "skip"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIKE)
def test_the_same_and_no_refusal(spark: Any, tmp_path: Path, case: str) -> None:
    columns, reading = ALIKE[case]
    log = write(tmp_path / "log.parquet", **{"user_id": USERS, "item_id": ITEMS, "timestamp": TIMES} | columns)
    cutting, how = AugmentOptions(user_ids="raw"), IngestOptions(**reading)
    here = augment_here(log, tmp_path / "here.pairs", cutting, ingest_options=how)
    there = augment(log, tmp_path / "there.pairs", cutting, ingest_options=how, spark=spark)
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")
    assert here.log is not None
    assert there.log is not None
    assert there.log.funnel == here.log.funnel


def test_directories_of_partitions(spark: Any, tmp_path: Path) -> None:
    """A column in a path that nothing asks for does not matter; the files' own column of that name wins."""
    log = tmp_path / "log"
    plain: dict[str, Any] = {"user_id": USERS, "item_id": ITEMS}
    for hour in (9, 10):
        write(log / f"hour={hour}" / "item_id=x" / "a.parquet", timestamp=[time + hour for time in TIMES], **plain)
        write(
            log / f"hour={hour}" / "item_id=x" / "empty.parquet",
            **{n: pa.array([], pa.int64()) for n in (*plain, "timestamp")},
        )
    runs: dict[str, Any] = {"": {}, "-no": {"hive": False}}
    for name, reading in runs.items():
        how = IngestOptions(**reading)
        augment_here(log, tmp_path / f"here{name}.pairs", ingest_options=how)
        augment(log, tmp_path / f"there{name}.pairs", ingest_options=how, spark=spark)
        assert shards(tmp_path / f"there{name}.pairs") == shards(tmp_path / f"here{name}.pairs")
    for unread in ({"keep": ("hour",)}, {"dedup": "exact"}):
        with pytest.raises(DataError, match="column 'hour' comes from the path"):
            augment(log, tmp_path / "out.pairs", ingest_options=IngestOptions(**unread), spark=spark)
    with pytest.raises(DataError, match="no column 'hour'"):
        augment(log, tmp_path / "out.pairs", ingest_options=IngestOptions(keep=("hour",), hive=False), spark=spark)


def test_the_same_content_twice(spark: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name in ("a", "b"):
        write(log / f"{name}.parquet", user_id=USERS, item_id=ITEMS, timestamp=TIMES)
    with pytest.raises(DataError, match=r"b\.parquet has the same content as .*a\.parquet"):
        augment(log, tmp_path / "out.pairs", spark=spark)
    how = IngestOptions(allow_duplicate_files=True)
    augment_here(log, tmp_path / "here.pairs", ingest_options=how)
    augment(log, tmp_path / "there.pairs", ingest_options=how, spark=spark)
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")


def test_both_refuse(spark: Any, tmp_path: Path) -> None:
    """What the local engine refuses, Spark refuses: in its own words where it does not know the place."""
    twice = [f"{n // 6}" + ".0" * (n % 2) for n in range(60)]
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "10 user ids are written in two forms: '0'": ({"user_id": twice}, {}),
        "10 item ids are written in two forms: '0'": ({"item_id": twice}, {}),
        "the validation split would be empty": ({}, {"split": "time:1700000010,1700000010"}),
        "the test split would be empty": ({}, {"split": "time:1700000010,1800000000"}),
        "no interactions would be held out": ({"timestamp": [5] * 60}, {"split": "time:0.5,0.7"}),
        "no interactions are left": ({}, {"min_user": 100}),
        "represents whole numbers exactly only below 9,007,199,254,740,992": ({"user_id": [2.0**53] * 60}, {}),
        "infinite numbers": ({"user_id": [1.0, float("inf")] * 30}, {}),
    }
    for words, (columns, reading) in cases.items():
        log = write(tmp_path / "log.parquet", **{"user_id": USERS, "item_id": ITEMS, "timestamp": TIMES} | columns)
        how = IngestOptions(**reading)
        with pytest.raises(DataError, match=words) as here:
            augment_here(log, tmp_path / "out.pairs", ingest_options=how)
        with pytest.raises(DataError, match=words) as there:
            augment(log, tmp_path / "out.pairs", ingest_options=how, spark=spark)
        if "split" in reading:
            assert (there.value.message, there.value.tip) == (here.value.message, here.value.tip)


def test_a_session_that_is_configured_otherwise(spark: Any, tmp_path: Path) -> None:
    """What would have Spark pass over rows or take other values does not matter, and stays as it was."""
    log = write(
        tmp_path / "log.parquet",
        user_id=USERS,
        item_id=ITEMS,
        timestamp=pa.array(TIMES, pa.timestamp("s")),
        shop=[b"a"] * 60,
    )
    how = IngestOptions(split="time:0.61,0.83", keep=("timestamp", "shop"))
    augment_here(log, tmp_path / "here.pairs", ingest_options=how)
    settings = {
        "spark.sql.files.ignoreCorruptFiles": "true", "spark.sql.legacy.percentileDiscCalculation": "true",
        "spark.sql.parquet.binaryAsString": "true", "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
        "spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": "America/New_York",
    }  # fmt: skip
    before = {name: spark.conf.get(name) for name in settings}
    try:
        for name, value in settings.items():
            spark.conf.set(name, value)
        augment(log, tmp_path / "there.pairs", ingest_options=how, spark=spark)
        assert {name: spark.conf.get(name) for name in settings} == settings
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")


@pytest.mark.parametrize("change", ["appended", "gone"])
def test_a_log_that_changes_while_spark_reads_it(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    log = write(tmp_path / "log.parquet", user_id=USERS, item_id=ITEMS, timestamp=TIMES)
    number_items = engine.number_items

    def changing(frame: engine.Frame) -> Any:
        if change == "gone":
            log.unlink()
        else:
            write(log, user_id=USERS, item_id=ITEMS[::-1], timestamp=TIMES)
        return number_items(frame)

    monkeypatch.setattr(engine, "number_items", changing)
    with pytest.raises(DataError, match=r"log\.parquet changed while genpas was reading it"):
        augment(log, tmp_path / "out.pairs", spark=spark)
    assert not (tmp_path / "out.pairs").exists()


def test_ids_that_are_whole_numbers_or_missing(spark: Any, tmp_path: Path) -> None:
    """Whole floating-point ids are the integers; markers of missing values are missing."""
    plain = write(tmp_path / "plain.parquet", user_id=USERS, item_id=[str(n) for n in ITEMS], timestamp=TIMES)
    floats = write(
        tmp_path / "floats.parquet",
        user_id=[*map(float, USERS), float("nan"), None, 1.0, 2.0, 3.0],
        item_id=[*map(str, ITEMS), "1", "1", " NA ", r"\N", ""],
        timestamp=[*TIMES, 1, 2, 3, 4, 5],
    )
    augment_here(plain, tmp_path / "here.pairs", AugmentOptions(user_ids="raw"))
    report = augment(floats, tmp_path / "there.pairs", AugmentOptions(user_ids="raw"), spark=spark)
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")
    assert report.log is not None
    assert {step["step"]: step["dropped"] for step in report.log.funnel}["missing user or item id"] == 5
    fractions = write(tmp_path / "f.parquet", user_id=np.array(USERS) + 0.5, item_id=ITEMS, timestamp=TIMES)
    with pytest.raises(DataError, match="ids in column 'user_id' contain fractions"):
        augment(fractions, tmp_path / "out.pairs", spark=spark)


def test_what_the_spark_engine_does_not_read_is_refused(spark: Any, tmp_path: Path) -> None:
    day, root = [20240101 + n % 28 for n in range(60)], tmp_path
    plain: dict[str, Any] = {"user_id": USERS, "item_id": ITEMS, "timestamp": TIMES}
    write(root / "twice" / "a.parquet", **plain)
    write(root / "twice" / "sub" / "b.parquet", **plain)
    write(root / "hive" / "user_id=3" / "a.parquet", item_id=ITEMS, timestamp=TIMES)
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "look like calendar dates|which --engine spark does not support": ({"timestamp": day}, {}),
        "several units": ({"timestamp": [*TIMES[1:], TIMES[0] * 1000]}, {}),
        "1 rows have a missing or infinite time": ({"timestamp": [*TIMES[:-1], float("inf")]}, {}),
        "1 rows have a missing or infinite time or rating": (
            {"rating": [1.0] * 59 + [float("nan")]},
            {"min_rating": 1.0},
        ),
        "a time is infinite": ({"timestamp": pa.array([2**63 - 1] * 60, pa.timestamp("us"))}, {}),
        "item ids in column 'item_id' have the type BLOB": ({"item_id": [b"x"] * 60}, {}),
        "times in column 'timestamp' have the type VARCHAR": ({"timestamp": [str(time) for time in TIMES]}, {}),
        "twice": ({"Timestamp": TIMES}, {"time": "timestamp"}),
    }
    for words, (columns, reading) in cases.items():
        log = write(root / "log.parquet", **plain | columns)
        with pytest.raises(GenpasError, match=words):
            augment(log, root / "out.pairs", ingest_options=IngestOptions(**reading), spark=spark)
    with pytest.raises(DataError, match="has the same content as"):
        augment(root / "twice", root / "out.pairs", spark=spark)
    with pytest.raises(DataError, match=r"the user column was not detected|comes from the path"):
        augment(root / "hive", root / "out.pairs", spark=spark)
    times = pa.array(TIMES, pa.timestamp("s"))
    old = write(root / "old.parquet", int96=True, user_id=USERS, item_id=ITEMS, timestamp=times)
    with pytest.raises(DataError, match="'timestamp' has the type TIMESTAMP, but Spark reads it as timestamp"):
        augment(old, root / "out.pairs", spark=spark)
    (root / "log.csv").write_text("user_id,item_id\na,b\n", encoding="utf-8")
    others = {str(root / "log.csv"): "is not a Parquet file", "s3://bucket/x": "file system", "-": "file system"}
    for source, words in others.items():
        with pytest.raises(UsageError, match=words):
            augment(source, root / "out.pairs", spark=spark)
    (root / "damaged.parquet").write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(DataError, match="truncated or corrupt"):
        augment(root / "damaged.parquet", root / "out.pairs", spark=spark)
    assert not (root / "out.pairs").exists()
