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
from genpas_cli.errors import GenpasError
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
        form = rng.choice(("é{}", " {}", "{:03}"))
        texts = [None if n is None else form.format(n) for n in numbers]
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
        "shop": pa.array(some("a", "", None, "NA")),
        "day": pa.array([rng.randint(0, 20000) for _ in range(rows)], pa.int32()).cast(pa.date32()),
    }
    table = pa.table(columns)
    cuts = sorted({0, rows, *(rng.randrange(1, rows) for _ in range(rng.randint(0, 3)))})
    for n, (begin, end) in enumerate(pairwise(cuts)):
        folder = root / rng.choice((".", "deep", "deep/er", "b a", "x%20y", "c[1]"))
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
        "keep": keep, "ties": rng.choice(("file", "item", "hash")), "split": rng.choice(("leave-one-out", "none")),
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


def write(path: Path, **columns: Any) -> Path:
    """Write a Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


USERS = [n // 6 for n in range(60)]
ITEMS = [n * 7 % 11 for n in range(60)]
TIMES = [1_700_000_000 + n for n in range(60)]


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
    assert {step["step"]: step["dropped"] for step in report.log.funnel}["no user or item"] == 5
    fractions = write(tmp_path / "f.parquet", user_id=np.array(USERS) + 0.5, item_id=ITEMS, timestamp=TIMES)
    with pytest.raises(DataError, match="ids in column 'user_id' hold fractions"):
        augment(fractions, tmp_path / "out.pairs", spark=spark)


def test_what_the_spark_engine_does_not_read_is_refused(spark: Any, tmp_path: Path) -> None:
    day, root = [20240101 + n % 28 for n in range(60)], tmp_path
    plain: dict[str, Any] = {"user_id": USERS, "item_id": ITEMS, "timestamp": TIMES}
    write(root / "twice" / "a.parquet", **plain)
    write(root / "twice" / "sub" / "b.parquet", **plain)
    write(root / "hive" / "user_id=3" / "a.parquet", item_id=ITEMS, timestamp=TIMES)
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "look like calendar dates|which the Spark engine does not read": ({"timestamp": day}, {}),
        "two units": ({"timestamp": [*TIMES[1:], TIMES[0] * 1000]}, {}),
        "1 rows have no time": ({"timestamp": [*TIMES[:-1], float("inf")]}, {}),
        "1 rows have no time or rating": ({"rating": [1.0] * 59 + [float("nan")]}, {"min_rating": 1.0}),
        "item ids in column 'item_id' are of type BLOB": ({"item_id": [b"x"] * 60}, {}),
        "times in column 'timestamp' are of type VARCHAR": ({"timestamp": [str(time) for time in TIMES]}, {}),
        "twice": ({"Timestamp": TIMES}, {"time": "timestamp"}),
    }
    for words, (columns, reading) in cases.items():
        log = write(root / "log.parquet", **plain | columns)
        with pytest.raises(GenpasError, match=words):
            augment(log, root / "out.pairs", ingest_options=IngestOptions(**reading), spark=spark)
    with pytest.raises(DataError, match="has the same content as"):
        augment(root / "twice", root / "out.pairs", spark=spark)
    with pytest.raises(DataError, match=r"which column is the user|stands in the path"):
        augment(root / "hive", root / "out.pairs", spark=spark)
    (root / "log.csv").write_text("user_id,item_id\na,b\n", encoding="utf-8")
    others = {str(root / "log.csv"): "is not Parquet", "s3://bucket/x": "file system", "-": "file system"}
    for source, words in others.items():
        with pytest.raises(UsageError, match=words):
            augment(source, root / "out.pairs", spark=spark)
    (root / "damaged.parquet").write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(DataError, match="truncated or corrupt"):
        augment(root / "damaged.parquet", root / "out.pairs", spark=spark)
    assert not (root / "out.pairs").exists()
