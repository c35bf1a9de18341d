"""Ways to damage a file: its bytes, lines, values of JSON, columns of Parquet, rows of a store."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DEEP = 200_000
_NUMBERS = (0, 1, -1, 255, 2**31 - 1, -(2**31), 2**32, 2**63 - 1, -(2**63), 1 << 20)
_TEXTS = (
    "",
    "nan",
    "-inf",
    "1e999",
    "-0",
    "9" * 400,
    "NULL",
    "\x1b]0;x\x07",
    "\u202ex",
    "[bold]",
    "'; drop table x; --",
    "../../etc/passwd",
    "a" * 100_000,
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "0x10",
    "1_000",
)
_LINES = (
    b"",
    b'"',
    b'"open,1,2',
    b"a,b",
    b"a,b,c,d,e",
    b"\x00",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b"\r",
    b"user_id,item_id,timestamp",
    b"u1,i1,99999999999999999999",
    b"u1,i1,nan",
    b"u1,i1,1e400",
    b"u1,i1,-1",
    b"u1,i1,2024-13-45",
    b"u1,i1,0001-01-01",
    b"u1,i1,294247-01-10",
    b"{}",
    b"[]",
    b"null",
    b'{"user_id": ',
    b'{"user_id": 1e999, "item_id": -0, "timestamp": {}}',
    b'{"user_id": "\\ud800", "item_id": "x", "timestamp": 1}',
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b",," * 1000,
    b"x" * 3_000_000,
    b"u1,\x1b]0;x\x07,1",
    b"u1,\xed\xa0\x80,1",
)


def odd_value(rng: random.Random) -> Any:
    """Return a value that JSON can hold and nobody expects."""
    nested: Any = "x"
    for _ in range(rng.choice((1, 3, 300))):
        nested = [nested] if rng.random() < 0.5 else {"x": nested}
    return rng.choice((None, True, [], {}, nested, 1.5, float("inf"), float("nan"), *_NUMBERS, 10**400, *_TEXTS))


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes with a few of them changed, lost, doubled or moved."""
    data = bytearray(content)
    how = rng.choice(("flip", "byte", "byte", "number", "number", "cut", "zero", "double", "swap"))
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        if data:
            # The ends of binary files hold what the rest is read by.
            span = rng.choice((len(data), min(len(data), 400)))
            at = rng.randrange(span) if rng.random() < 0.5 else len(data) - 1 - rng.randrange(span)
            _damage_at(data, at, how, rng)
    return bytes(data)


def _damage_at(data: bytearray, at: int, how: str, rng: random.Random) -> None:
    if how == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif how == "byte":
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif how == "number":
        width = rng.choice((1, 2, 4, 8))
        value = rng.choice((*_NUMBERS, rng.randrange(1000))) & (256**width - 1)
        data[at : at + width] = value.to_bytes(width, "little")
    elif how == "cut":
        del data[at:]
    elif how == "zero":
        data[at : at + 32] = bytes(len(data[at : at + 32]))
    elif how == "double":
        data[at:at] = data[at : at + rng.randrange(1, 200)]
    else:
        other = rng.randrange(len(data))
        data[at : at + 8], data[other : other + 8] = data[other : other + 8], data[at : at + 8]


def damaged_lines(content: bytes, rng: random.Random) -> bytes:
    """Return a text with lines put in, lost or doubled."""
    lines = content.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines) + 1)
        if rng.random() < 0.6:
            lines.insert(at, rng.choice(_LINES))
        elif lines:
            line = lines.pop(min(at, len(lines) - 1))
            if rng.random() < 0.5:
                fields = line.split(b",")
                fields[rng.randrange(len(fields))] = rng.choice(_TEXTS).encode()
                lines.insert(at, b",".join(fields))
    return b"\n".join(lines)


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Return a JSON text with one of its values changed or lost, or all of it nested."""
    if rng.random() < 0.05:
        return rng.choice((b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP, b"null", b"[]", b"1", b'"x"'))
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 2))):
        places = list(_places(value))
        owner, key = rng.choice(places)
        how = rng.random()
        if how < 0.15:
            del owner[key]
        elif how < 0.25 and isinstance(owner, dict):
            owner["x"] = owner.pop(key)
        else:
            owner[key] = odd_value(rng)
        if not isinstance(value, dict) or not value:
            break
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def damaged_parquet(content: bytes, rng: random.Random) -> bytes:
    """Return a sound Parquet file whose columns are not those that were there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    at = rng.randrange(table.num_columns)
    name, column = table.schema.names[at], table.column(at)
    rows = table.num_rows
    others: tuple[Callable[[], Any], ...] = (
        lambda: pa.nulls(rows, column.type),
        lambda: pa.nulls(rows),
        lambda: pa.array(range(rows)),
        lambda: pa.array([-(2**31)] * rows, pa.int32()),
        lambda: pa.array([2**62] * rows),
        lambda: pa.array([float("nan")] * rows),
        lambda: pa.array([rng.choice(_TEXTS)] * rows),
        lambda: pa.array([[]] * rows, pa.list_(pa.int32())),
        lambda: pa.array([[None]] * rows, pa.list_(pa.int32())),
        lambda: pa.array([[2**31 - 1, -1]] * rows, pa.list_(pa.int32())),
        lambda: pa.array([{"a": 1}] * rows),
        lambda: pa.array([[{"a": [1]}]] * rows),
        lambda: pa.array([b"\xff"] * rows),
        lambda: column.take([0] * rows),
        lambda: pa.array([True] * rows),
        lambda: pa.array(range(rows), pa.timestamp("ns", "Europe/Paris")),
        lambda: pa.array([str(n) for n in range(rows)]).dictionary_encode(),
        lambda: pa.array([[1, 2]] * rows, pa.list_(pa.int8(), 2)),
        lambda: pa.array([10**30] * rows, pa.decimal128(38, 2)),
        lambda: pa.array([[("k", 1)]] * rows, pa.map_(pa.string(), pa.int32())),
    )
    how = rng.random()
    if how < 0.1:
        table = table.remove_column(at)
    elif how < 0.2:
        table = table.slice(0, rng.choice((0, 1, rows // 2)))
    elif how < 0.3:
        table = table.rename_columns(
            [rng.choice(("x", "", name.upper(), "a\n[bold]\x1b[31m")) if n == name else n for n in table.schema.names]
        )
    else:
        table = table.set_column(at, name, rng.choice(others)())
    sink = io.BytesIO()
    pq.write_table(
        table, sink, row_group_size=rng.choice((None, 1, 7)), compression=rng.choice(("none", "zstd", "snappy"))
    )
    return sink.getvalue()


def damaged_store(path: Path, rng: random.Random) -> None:
    """Change the tables of a store that is a sound DuckDB file."""
    import duckdb

    tables = ("interactions", "users", "items", "meta", "sources", "funnel")
    with duckdb.connect(str(path), config={"threads": "1"}) as con:
        table = rng.choice(tables)
        columns = [name for name, *_ in con.execute(f"describe {table}").fetchall()]
        column = rng.choice(columns)
        meta = [key for (key,) in con.execute("select key from meta").fetchall()]
        statement = rng.choice(
            (
                f"drop table {table}",
                f"delete from {table}",
                f"delete from {table} where rowid % 7 = 3",
                f"alter table {table} drop {column}",
                f"alter table {table} rename {column} to x",
                f"update {table} set {column} = null",
                f"insert into {table} from {table} limit 3",
                f"alter table {table} alter {column} type varchar using '{rng.choice(('x', '-1', '99999999999'))}'",
                f"create or replace table {table} as from {table} order by random()",
                f"create or replace view v as from {table}",
                f"alter table {table} rename to other",
                "meta",
                "meta",
                "meta",
                "meta",
                "meta",
            )
        )
        if statement != "meta":
            with contextlib.suppress(duckdb.Error):  # such as that a key cannot be dropped
                con.execute(statement)
            return
        key = rng.choice(meta)
        value = json.loads(con.execute("select value from meta where key = $1", [key]).fetchall()[0][0])
        holder = {"value": value}
        with contextlib.suppress(RecursionError):
            holder = json.loads(damaged_json(json.dumps(holder).encode(), rng))
        con.execute("update meta set value = $2 where key = $1", [key, json.dumps(holder).replace("\\ud83d", "x")])
