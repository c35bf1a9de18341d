"""Logs with lists in their rows: one interaction per element, in the order of the list, whatever holds the lists."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from genpas_cli import AugmentOptions, IngestOptions, augment, export, ingest, plan_ingest
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import Log, read, write
from tests.support import InProcess, refused

USERS: list[dict[str, Any]] = [
    dict(zip(("user_id", "item_ids", "timestamps", "kinds", "country"), row, strict=True))
    for row in (
        ("u1", [5, 7, 5], [100, 200, 200], ["view", "buy", "view"], "de"),
        ("u2", [9], [50], ["buy"], "fr"),
        ("u3", [7, 8], [300, 250], ["view", "view"], "de"),
        ("u1", [6], [150], ["view"], "de"),
    )
]
FLAT = [
    (row["user_id"], str(item), time, kind, row["country"])
    for row in USERS
    for item, time, kind in zip(row["item_ids"], row["timestamps"], row["kinds"], strict=True)
]


def as_csv(rows: list[dict[str, Any]], text: Callable[[list[Any]], str]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(rows[0])
    writer.writerows([[text(v) if isinstance(v, list) else v for v in row.values()] for row in rows])
    return out.getvalue().encode()


def binary(writer: Callable[[pa.Table, Any], object], rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    writer(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def numpy_text(values: list[Any]) -> str:
    return "[" + "\n ".join(repr(value) for value in values) + "]"


def commas(values: list[Any]) -> str:
    return ",".join(map(str, values))


KINDS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "parquet": lambda rows: binary(pq.write_table, rows),
    "arrow": lambda rows: binary(lambda t, sink: feather.write_feather(t, sink, compression="uncompressed"), rows),
    "orc": lambda rows: binary(orc.write_table, rows),
    "json lines": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "json": lambda rows: json.dumps(rows, indent=1).encode(),
    "json in csv": lambda rows: as_csv(rows, json.dumps),
    "python in csv": lambda rows: as_csv(rows, repr),
    "numpy in csv": lambda rows: as_csv(rows, numpy_text),
    "commas in csv": lambda rows: as_csv(rows, commas),
    "commas and blanks in csv": lambda rows: as_csv(rows, lambda values: ", ".join(map(str, values))),
    "json text in parquet": lambda rows: binary(
        pq.write_table, [{k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows]
    ),
    "commas in json lines": lambda rows: "\n".join(
        json.dumps({k: commas(v) if isinstance(v, list) else v for k, v in row.items()}) for row in rows
    ).encode(),
}


def options_for(kind: str) -> dict[str, Any]:
    return {"item": "item_ids"} | ({"list_delimiter": ","} if kind.startswith("commas") else {})


def rows_of(log: Log) -> list[tuple[Any, ...]]:
    return [tuple(str(v) if n == 1 else v for n, v in enumerate(row)) for row in log.rows]


@pytest.mark.parametrize("kind", KINDS)
def test_each_element_is_an_interaction_with_its_time_and_kept_values(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind](USERS))
    log = read(file, **options_for(kind), keep=("kinds", "country"))
    assert log.columns == ["user_id", "item_id", "time", "keep_0", "keep_1"]
    assert rows_of(log) == FLAT
    assert log.staged.columns["lists"] == ["item_ids", "timestamps", "kinds"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_store_is_that_of_the_flat_log(tmp_path: Path, kind: str) -> None:
    lines = [f"{u},{i},{t},{k},{c}" for u, i, t, k, c in FLAT]
    flat = write(tmp_path / "flat.csv", "\n".join(["user_id,item_id,timestamp,kind,country", *lines]))
    ingest(flat, tmp_path / "flat.store")
    ingest(write(tmp_path / "log", KINDS[kind](USERS)), tmp_path / "lists.store", IngestOptions(**options_for(kind)))
    assert content(tmp_path / "lists.store") == content(tmp_path / "flat.store")


def content(store: Path) -> list[list[tuple[Any, ...]]]:
    with duckdb.connect(str(store), read_only=True) as con:
        return [con.execute(f"FROM {name}").fetchall() for name in ("interactions", "items", "users")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_sees_the_elements(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind](USERS))
    log = read(file, **options_for(kind), where="kinds = 'buy' and timestamps >= 60")
    assert log.events == [("u1", "7")]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_are_compared_by_their_elements(tmp_path: Path, kind: str) -> None:
    rows = [
        {"user_id": "u", "item_ids": [1, 1, 1], "timestamps": [5, 5, 5], "kinds": ["a", "b", "a"], "more": ["x", "y"]}
    ]
    file = write(tmp_path / "log", KINDS[kind](rows * 2))
    options = {**options_for(kind), "keep": ("kinds",), "allow_duplicate_files": True}
    ingest(file, tmp_path / "log.store", IngestOptions(**options, dedup="exact"))
    with duckdb.connect(str(tmp_path / "log.store"), read_only=True) as con:
        assert con.execute("SELECT kinds FROM interactions").fetchall() == [("a",), ("b",)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_that_is_not_needed_may_have_another_length(tmp_path: Path, kind: str) -> None:
    rows = [{**row, "tags": ["x", "y"] * 3} for row in USERS]
    log = read(write(tmp_path / "log", KINDS[kind](rows)), **options_for(kind))
    assert rows_of(log) == [row[:3] for row in FLAT]


UNEQUAL = [*USERS[:2], {**USERS[2], "timestamps": [300]}, *USERS[3:]]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_different_lengths_are_a_bad_row(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind](UNEQUAL))
    with pytest.raises(DataError) as caught:
        read(file, **options_for(kind))
    place = r"(line|row) \d+: "
    lengths = "lists of different lengths: 2 elements in column 'item_ids', 1 element in column 'timestamps'"
    assert re.search(f"log, {place}{lengths}", str(caught.value))
    log = read(file, **options_for(kind), bad_rows="skip")
    assert rows_of(log) == [row[:3] for row in FLAT if row[0] != "u3"]
    assert log.funnel["bad rows"] == 1
    assert log.funnel["read"] == 6
    (bad,) = log.rejects
    assert "u3" in bad["text"]
    assert lengths in bad["reason"]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc", "json lines", "json in csv", "python in csv"])
def test_the_place_of_unequal_lists_is_that_of_the_row_in_the_file(tmp_path: Path, kind: str) -> None:
    lines = {"json lines": "line 3", "json in csv": "line 4", "python in csv": "line 4"}
    with pytest.raises(DataError, match=lines.get(kind, "row 3")):
        read(write(tmp_path / "log", KINDS[kind](UNEQUAL)), item="item_ids")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_time_in_a_list_is_found_in_its_row(tmp_path: Path, kind: str) -> None:
    rows = [{**row, "timestamps": [str(t) for t in row["timestamps"]]} for row in USERS]
    rows[2]["timestamps"][1] = "soon"
    file = write(tmp_path / "log", KINDS[kind](rows))
    with pytest.raises(DataError, match="'soon' in column 'timestamps'"):
        read(file, **options_for(kind))
    log = read(file, **options_for(kind), bad_rows="skip")
    assert [row[:2] for row in rows_of(log)] == [row[:2] for row in FLAT if row[1] != "8"]
    assert len(log.rejects) == 1


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc", "json lines", "json", "json in csv", "commas in csv"])
def test_an_empty_or_missing_list_has_no_interactions_and_is_noted(tmp_path: Path, kind: str) -> None:
    rows = [
        *USERS[:2],
        {**USERS[2], "item_ids": [], "timestamps": []},
        {**USERS[3], "item_ids": None, "timestamps": []},
    ]
    file = write(tmp_path / "log", KINDS[kind](rows))
    log = read(file, **options_for(kind))
    assert rows_of(log) == [row[:3] for row in FLAT[:4]]
    note = f"{file}: 2 rows have no interactions, because the list in column item_ids is empty"
    assert note in log.staged.notes


def test_a_log_of_empty_lists_has_no_interactions(tmp_path: Path) -> None:
    for kind in ("parquet", "json lines"):
        table = pa.table({"user_id": ["u"], "item_ids": pa.array([[]], pa.list_(pa.int64()))})
        file = tmp_path / "log"
        if kind == "parquet":
            pq.write_table(table, file)
        else:
            write(file, '{"user_id": "u", "item_ids": []}\n')
        with pytest.raises(DataError, match="no interactions: every list is empty"):
            read(file, item="item_ids")


@pytest.mark.parametrize("kind", ["parquet", "arrow", "json lines", "json in csv"])
def test_missing_elements_are_missing_ids(tmp_path: Path, kind: str) -> None:
    rows = [{"user_id": "u", "item_ids": [1, None, 3], "timestamps": [1, 2, 3]}]
    log = read(write(tmp_path / "log", KINDS[kind](rows)), item="item_ids")
    assert rows_of(log) == [("u", "1", 1), ("u", "3", 3)]
    assert log.funnel["missing user or item id"] == 1


def test_elements_are_ids_by_their_text(tmp_path: Path) -> None:
    text = write(
        tmp_path / "a.jsonl", '{"user": 1, "items": [1, "01", 1.0, "x", 2.5, 12345678901234567890123, "NA"]}\n'
    )
    wanted = ["1", "01", "1", "x", "2.5", "12345678901234567890123"]
    assert [item for _, item in read(text, item="items").events] == wanted
    pq.write_table(pa.table({"user": [1], "items": [[1.0, 2.0, None]]}), tmp_path / "a.parquet")
    assert [item for _, item in read(tmp_path / "a.parquet", item="items").events] == ["1", "2"]
    pq.write_table(pa.table({"user": [1], "items": [["007", " 7", "7"]]}), tmp_path / "b.parquet")
    assert [item for _, item in read(tmp_path / "b.parquet", item="items").events] == ["007", " 7", "7"]
    pq.write_table(pa.table({"user": [1], "items": [[2.0**53]]}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="contains the id 9007199254740992 as a DOUBLE"):
        read(tmp_path / "c.parquet", item="items")


@pytest.mark.parametrize("kind", ["parquet", "arrow", "json lines", "json", "json in csv"])
@pytest.mark.parametrize("items", [[[1, 2]], [[1], [2]]])
def test_lists_of_lists_are_refused(tmp_path: Path, kind: str, items: list[list[int]]) -> None:
    file = write(tmp_path / "log", KINDS[kind]([{"user_id": "u", "item_ids": items}]))
    with pytest.raises(DataError, match="column 'item_ids' contains lists of lists"):
        read(file, item="item_ids")


@pytest.mark.parametrize(("bad", "reason"), [
    ("[1, [2]]", "an element of the list in column 'items' is a list or an object"),
    ('[{"id": 1}]', "an element of the list in column 'items' is a list or an object"),
    ("5", "the value in column 'items' is not a list"),
    ('"x"', "the value in column 'items' is not a list"),
    ("[1", "malformed JSON"),
    ("[9007199254740993.0]", "an element of the list in column 'items' is a number with more digits"),
])  # fmt: skip
def test_a_value_of_json_that_is_no_list_of_ids_is_a_bad_row(tmp_path: Path, bad: str, reason: str) -> None:
    good = '{"user": 1, "items": [1, 2]}\n'
    file = write(tmp_path / "a.jsonl", good * 2 + f'{{"user": 2, "items": {bad}}}\n' + good)
    with pytest.raises(DataError, match=f"line 3: {reason}"):
        read(file, item="items")
    log = read(file, item="items", bad_rows="skip")
    assert log.events == [("1", "1"), ("1", "2")] * 3
    assert [row["line"] for row in log.rejects] == ["3"]


@pytest.mark.parametrize("bad", ["['a', 'b'", "['a' ... 'z']", "['it\\'s']", "a", "[a, [b]]"])
def test_a_text_that_is_no_printed_list_is_a_bad_row(tmp_path: Path, bad: str) -> None:
    rows = [{"user_id": n, "item_ids": text} for n, text in enumerate(["['a', 'b']", bad, "['c' 'd']", '["x y", z]'])]
    for name, data in (("a.csv", as_csv(rows, str)), ("a.parquet", binary(pq.write_table, rows))):
        file = write(tmp_path / name, data)
        with pytest.raises(DataError, match="the value in column 'item_ids' is not a list"):
            read(file, item="item_ids")
        log = read(file, item="item_ids", bad_rows="skip")
        assert [item for _, item in log.events] == ["a", "b", "c", "d", "x y", "z"]


EVENTS = [
    {"session": 1, "events": [{"aid": 5, "ts": 1661724000278, "type": "clicks"},
                              {"aid": 6, "ts": 1661724000378, "type": "carts"}]},
    {"session": 2, "events": [{"aid": 6, "ts": 1661724000000, "type": "orders"}]},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "arrow", "orc", "json lines", "json"])
def test_a_key_of_the_objects_in_a_list_is_the_item(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind](EVENTS))
    log = read(file, item="events.aid", keep=("events.type",))
    assert rows_of(log) == [
        (1 if log.types[0] == "BIGINT" else "1", "5", 1661724000278, "clicks"),
        (1 if log.types[0] == "BIGINT" else "1", "6", 1661724000378, "carts"),
        (2 if log.types[0] == "BIGINT" else "2", "6", 1661724000000, "orders"),
    ]
    assert log.staged.columns["time"] == "events.ts"  # found by its name in the objects
    assert log.staged.columns["lists"] == ["events"]
    wheres = ["\"events.type\" = 'carts'"]
    wheres.append("events->>'type' = 'carts'" if kind.startswith("json") else "events.type = 'carts'")
    for where in wheres:
        assert [item for _, item in read(file, item="events.aid", where=where).events] == ["6"]


def test_equal_events_are_compared_in_all_their_keys(tmp_path: Path) -> None:
    events = [{"aid": 5, "ts": 1, "type": kind} for kind in ("clicks", "carts", "clicks")]
    for kind in ("parquet", "json lines"):
        file = write(tmp_path / "log", KINDS[kind]([{"session": 1, "events": events}]))
        report = ingest(file, tmp_path / "log.store", IngestOptions(item="events.aid", dedup="exact"), force=True)
        assert report.interactions == 2


def test_elements_that_are_no_objects_are_bad_rows(tmp_path: Path) -> None:
    rows = [json.dumps(row) for row in EVENTS]
    file = write(tmp_path / "log.jsonl", "\n".join([*rows, '{"session": 3, "events": [7]}', rows[0]]))
    with pytest.raises(DataError, match="line 3: an element of the list is not an object"):
        read(file, item="events.aid")
    assert len(read(file, item="events.aid", bad_rows="skip").rows) == 5


def tip_of(file: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(file, **options)
    return str(caught.value.tip)


def options_in(tip: str) -> dict[str, Any]:
    """Return the options in a tip as a shell would pass them."""
    words = re.findall(r"--([a-z-]+) ('[^']*'|[^ ;]+)", tip)
    return {name.replace("-", "_"): value.strip("'") for name, value in words}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("renamed", [{}, {"item_ids": "sequence_item_ids", "timestamps": "sequence_timestamps"},
                                     {"item_ids": "what", "user_id": "who"}])  # fmt: skip
def test_without_options_the_tip_shows_how_to_read_the_lists(
    tmp_path: Path, kind: str, renamed: dict[str, str]
) -> None:
    rows = [{renamed.get(k, k): v for k, v in row.items() if k not in ("kinds", "country")} for row in USERS]
    if kind == "json text in parquet":
        pytest.skip("texts of a typed column are looked at only if an option names the column")
    if kind == "commas and blanks in csv" or (kind.startswith("commas") and "who" in renamed.values()):
        pytest.skip("such texts may be anything")
    file = write(tmp_path / "log", KINDS[kind](rows))
    told = options_in(tip_of(file))
    assert told["item"] == renamed.get("item_ids", "item_ids")
    assert len(read(file, **told).rows) == len(FLAT)


@pytest.mark.parametrize("kind", ["parquet", "json lines"])
def test_the_tip_names_a_key_of_the_objects(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind](EVENTS))
    for given in ({}, {"item": "events"}, {"item": "evnts.aid"}, {"item": "events.article"}):
        told = options_in(tip_of(file, **given))
        assert told["item"] == "events.aid"
        assert len(read(file, **told).rows) == 3


@pytest.mark.parametrize("kind", ["parquet", "json lines", "json in csv"])
def test_a_list_of_times_needs_a_list_of_items(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path / "log", KINDS[kind]([{"user_id": "u", "item_id": "i", "timestamps": [1, 2]}]))
    for options in ({}, {"item": "item_id", "time": "timestamps"}):
        with pytest.raises(
            DataError, match=r"column 'timestamps' \(time\) contains lists, but column 'item_id' \(item\)"
        ):
            read(file, **options)


def test_ids_with_commas_are_never_taken_for_lists_silently(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", 'user_id,things,ts\nu,"1,2",5\nv,"3,4,5",6\n')
    with pytest.raises(DataError, match="can be lists separated by ',' or single ids") as caught:
        read(file, item="things")
    assert "--list-delimiter ','" in str(caught.value.tip)
    assert "--list-delimiter ''" in str(caught.value.tip)
    assert read(file, item="things", list_delimiter="").events == [("u", "1,2"), ("v", "3,4,5")]
    assert len(read(file, item="things", list_delimiter=",").rows) == 5
    titles = write(tmp_path / "b.csv", 'user_id,things,ts\nu,"Toy Story, The",5\nv,"Heat, 1995",6\n')
    assert read(titles, item="things").events == [("u", "Toy Story, The"), ("v", "Heat, 1995")]


def test_texts_in_brackets_are_ids_if_the_option_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", 'user_id,item_id\nu,"[1, 2]"\nv,"[3]"\n')
    assert "--item item_id" in tip_of(file)
    assert len(read(file, item="item_id").rows) == 3
    assert read(file, list_delimiter="").events == [("u", "[1, 2]"), ("v", "[3]")]


@pytest.mark.parametrize("delimiter", ["|", ";", " ", "::"])
def test_any_delimiter_of_lists_can_be_given(tmp_path: Path, delimiter: str) -> None:
    rows = [{k: v for k, v in row.items() if k != "kinds"} for row in USERS]
    file = write(tmp_path / "a.tsv", as_csv(rows, lambda values: delimiter.join(map(str, values))).replace(b",", b"\t"))
    assert rows_of(read(file, item="item_ids", list_delimiter=delimiter)) == [row[:3] for row in FLAT]


def test_a_time_for_the_whole_list_is_that_of_each_element(tmp_path: Path) -> None:
    file = write(tmp_path / "log", KINDS["json lines"]([{"user_id": "u", "ts": 5, "basket": [3, 1, 2]}]))
    assert rows_of(read(file, item="basket")) == [("u", "3", 5), ("u", "1", 5), ("u", "2", 5)]


def test_columns_are_given_by_position_without_a_header(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", 'u,"[5, 7]","[1, 2]"\nv,"[8]","[3]"\n')
    assert rows_of(read(file, user="1", item="2", time="3", header=False)) == [
        ("u", "5", 1),
        ("u", "7", 2),
        ("v", "8", 3),
    ]


def test_the_plan_says_which_lists_are_read_and_estimates_the_elements(tmp_path: Path) -> None:
    rows = [{"user_id": n, "item_ids": [*range(30)], "timestamps": [*range(30)]} for n in range(500)]
    for kind, write_rows in KINDS.items():
        if "numpy" in kind:
            continue
        plan = plan_ingest(write(tmp_path / "log", write_rows(rows)), IngestOptions(**options_for(kind)))
        assert plan.columns["lists"] == ["item_ids", "timestamps"]
        assert 15_000 / 2.5 < plan.interactions < 15_000 * 2.5, kind
        assert not plan.files[0]["exact"]


def test_a_store_of_lists_is_appended_to(tmp_path: Path) -> None:
    for n, rows in enumerate((USERS[:2], USERS[2:])):
        ingest(write(tmp_path / f"{n}.jsonl", KINDS["json lines"](rows)), tmp_path / "a.store",
               None if n else IngestOptions(item="item_ids"), append=bool(n))  # fmt: skip
    ingest(write(tmp_path / "all.jsonl", KINDS["json lines"](USERS)), tmp_path / "b.store", item="item_ids")
    found = [interactions(tmp_path / name, "time", "split") for name in ("a.store", "b.store")]
    by_user = [sorted(rows, key=lambda row: str(row[0])) for rows in found]
    assert by_user[0] == by_user[1]


def test_files_with_lists_of_different_forms_are_one_log(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{n}", KINDS[kind](USERS)) for n, kind in enumerate(("parquet", "json lines", "json in csv"))
    ]
    assert [row[:3] for row in rows_of(read(*files, item="item_ids"))] == [row[:3] for row in FLAT] * 3


def test_order_is_kept_with_many_rows_and_threads(tmp_path: Path) -> None:
    path = tmp_path / "big.parquet"
    duckdb.execute(
        f"COPY (SELECT i AS user_id, list_transform(range(i % 20), lambda x: i * 100 + x) AS item_ids "
        f"FROM range(100000) t(i)) TO '{path}' (ROW_GROUP_SIZE 4096)"
    )
    items = read(path, item="item_ids").column("item_id")
    assert len(items) == 950_000
    assert items == sorted(items)


LOG = "user_id,item_id,rating,timestamp\n" + "".join(
    f"{u},{i},{u % 5 + 1},{1_500_000_000 + n * 10}\n" for n, (u, i) in enumerate((n % 7, n * 5 % 11) for n in range(80))
)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    reading = IngestOptions(keep=("rating", "timestamp"), split="none")
    options = AugmentOptions(strategy="last-target", max_input="none")
    augment(write(tmp_path / "log.csv", LOG), tmp_path / "log.pairs", options, ingest_options=reading)
    return tmp_path / "log.pairs"


def interactions(store: Path, *columns: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(store), read_only=True) as con:
        joined = "interactions JOIN users u USING (user_num) JOIN items v USING (item_num)"
        selected = ", ".join(("u.user_id", "v.item_id", *columns))
        return con.execute(f"SELECT {selected} FROM {joined} ORDER BY interactions.rowid").fetchall()


@pytest.mark.parametrize("form", ["hstu", "sequences"])
def test_an_export_of_whole_histories_reads_back(tmp_path: Path, pairs: Path, form: str) -> None:
    export(pairs, tmp_path / "out", to=form)
    (file,) = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("train")]
    lists: dict[str, Any] = {"item": "sequence_item_ids", "time": "sequence_timestamps", "keep": ("sequence_ratings",),
                             "list_delimiter": ","} if form == "hstu" else {"format": "sequences"}  # fmt: skip
    ingest(file, tmp_path / "back.store", IngestOptions(split="none", **lists))
    ingest(tmp_path / "log.csv", tmp_path / "log.store", IngestOptions(keep=("rating",), split="none"))
    with duckdb.connect(str(tmp_path / "log.store"), read_only=True) as con:
        more = ", time, rating" if form == "hstu" else ""
        query = f"SELECT user_num::varchar, item_num::varchar{more} FROM interactions ORDER BY rowid"
        wanted = con.execute(query).fetchall()
    found = interactions(tmp_path / "back.store", *(("time", "sequence_ratings") if form == "hstu" else ()))
    assert len(wanted) == 80
    assert sorted(found, key=lambda row: int(row[0])) == wanted


def test_the_commands_say_which_lists_are_read(inside: InProcess) -> None:
    write(inside.cwd / "log.jsonl", KINDS["json lines"](USERS))
    done = inside("ingest", "log.jsonl", "--item", "item_ids", "-o", "log.store")
    assert (
        "user user_id, item item_ids, time timestamps; one interaction per element of the lists in item_ids, timestamps"
        in done.stderr
    )
    shown = inside.json("head", "log.jsonl", "--item", "item_ids", "--json")
    assert shown["rows"][1][:2] == ["u1", "7"]
    refused(inside("ingest", "log.jsonl", "-o", "other.store"), 1, "--item item_ids")
    refused(inside("augment", "log.jsonl", "--item", "country", "--time", "timestamps"), 1, "contains lists")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_long_lists_take_no_more_memory_than_the_limit(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"log.{'parquet' if kind == 'parquet' else 'jsonl'}"
    lists = (
        "list_transform(range(4000), lambda x: (i * 7919 + x * 104729) % 50000) AS item_ids, range(4000) AS timestamps"
    )
    form = "FORMAT parquet, ROW_GROUP_SIZE 2048" if kind == "parquet" else "FORMAT json"
    duckdb.execute(f"COPY (SELECT i AS user_id, {lists} FROM range(2500) t(i)) TO '{path}' ({form})")
    report = ingest(path, tmp_path / "log.store", IngestOptions(item="item_ids", memory_limit="1GB"))
    assert report.interactions == 10_000_000
