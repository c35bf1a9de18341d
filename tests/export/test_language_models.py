"""Records for language models: each says what a plain rendering of its pair says, in every format and type of file."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genpas_cli import AugmentOptions, DataError, ExportOptions, IngestOptions, UsageError, augment, export
from genpas_cli.export.formats.language_models import rendering
from tests.export.conftest import AWKWARD
from tests.support import shards

TO = ("messages", "alpaca", "sharegpt", "prompt")
TYPES = ("jsonl", "parquet")
SPLITS = ("train", "validation", "test")
TASK = "A user interacted with these items, oldest first. Predict the next item."

Pair = dict[str, Any]


# -------------------------------------------------------------------------------------------------------- the reference


def plain(value: Any) -> str:
    """Return the text of a value of a kept column."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%fZ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def texts_of(pair: Pair, about: dict[str, Any]) -> dict[str, Any]:
    """Return placeholder → its text, or texts of its list, for a pair with ids."""
    codes, titles = about.get("codes"), about.get("titles")
    found: dict[str, Any] = {"user": str(pair.get("user_id", pair.get("user_num")))}
    written = codes or {}
    found["history"] = [written.get(item, item) for item in pair["input_items"]]
    found["target"] = written.get(pair["target_item"], pair["target_item"])
    if titles:
        found["history_titles"] = [titles[item] for item in pair["input_items"]]
        found["target_title"] = titles[pair["target_item"]]
    missing = about.get("missing")
    for name in ("rating", "stars", "clicked", "day", "note"):
        kept = [missing if each is None else plain(each) for each in pair.get(f"input_{name}", ())]
        found[f"history_{name}"] = kept
        target = pair.get(f"target_{name}")
        found[f"target_{name}"] = missing if target is None else plain(target)
    return found


def rendered(text: str, values: dict[str, Any], separator: str) -> str:
    """Return a text of a template with its placeholders replaced."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        value = values[match[1]]
        return separator.join(value) if isinstance(value, list) else str(value)

    return re.sub(r"\{\{|\}\}|\{(\w+)\}", replaced, text)


def record(to: str, parts: dict[str, str]) -> dict[str, Any]:
    """Return the record of a format with these rendered parts; a part without a text is not among them."""
    system, instruction, user, answer = (parts.get(key) for key in ("system", "instruction", "user", "assistant"))
    question, answer = "\n".join(part for part in (instruction, user) if part is not None), answer or ""
    if to == "messages":
        roles = [("system", system), ("user", question), ("assistant", answer)]
        return {"messages": [{"role": role, "content": text} for role, text in roles if text is not None]}
    if to == "sharegpt":
        turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
        return {"conversations": turns} | ({} if system is None else {"system": system})
    if to == "alpaca":
        task, given = (user or "", "") if instruction is None else (instruction, user or "")
        return {"instruction": task, "input": given, "output": answer} | ({} if system is None else {"system": system})
    prompt = "\n".join(part for part in (system, instruction, user) if part is not None)
    return {"prompt": prompt, "completion": answer}


def read(path: Path) -> list[Any]:
    """Return the records of a file."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    # Not splitlines, which also divides at line ends that JSON leaves as they are.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def ids_of(pairs: Path, table: str) -> list[str]:
    return ["", *pq.read_table(pairs / f"{table}s.parquet")[f"{table}_id"].to_pylist()]


def with_ids_of_items(pairs: Path, split: str = "train") -> list[Pair]:
    """Return the pairs of a split with the log's ids of items."""
    items = ids_of(pairs, "item")
    return [
        row | {"input_items": [items[n] for n in row["input_items"]], "target_item": items[row["target_item"]]}
        for row in shards(pairs, split).to_pylist()
    ]


def with_ids(pairs: Path, split: str = "train") -> list[Pair]:
    """Return the same with the ids of users."""
    users = ids_of(pairs, "user")
    return [row | {"user_id": users[row["user_num"]]} for row in with_ids_of_items(pairs, split)]


def toml(template: dict[str, str]) -> str:
    """Return a template as TOML, whose texts in double quotes have the escapes of JSON, and one more."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in template.items())
    return "\n".join(lines).replace("\x7f", "\\u007f") + "\n"


def template_file(directory: Path, **parts: str) -> str:
    path = directory / "template.toml"
    path.write_text(toml(parts), encoding="utf-8")
    return str(path)


def info_file(directory: Path, pairs: Path, **columns: Callable[[str], str | None]) -> str:
    """Write a file of item information."""
    items = ids_of(pairs, "item")[1:]
    table = {"item_id": items} | {name: [make(item) for item in items] for name, make in columns.items()}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in table.items()}),
                   directory / "info.parquet")  # fmt: skip
    return str(directory / "info.parquet")


def codes_file(directory: Path, pairs: Path) -> tuple[str, dict[str, str]]:
    """Write codes of all items; return the file, and the text of each item's codes."""
    items = ids_of(pairs, "item")[1:]
    codes = [[n // 7, n % 7] for n in range(len(items))]
    pq.write_table(pa.table({"item_id": items, "codes": codes}), directory / "codes.parquet")
    texts = {item: f"<a_{first}><b_{second}>" for item, (first, second) in zip(items, codes, strict=True)}
    return str(directory / "codes.parquet"), texts


# --------------------------------------------------------------------------------------------------------- any template

LITERALS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", '"', "\\", "\n", "{{", "}}", "☕", "\u2028", "\x00", "'''", '"""', "\\u0041", "</s>"]
)
PLACEHOLDERS = st.sampled_from(
    ["history", "target", "history_titles", "target_title", "user", "history_note", "target_note", "history_stars",
     "target_rating", "target_clicked", "target_day", "history_rating"]
)  # fmt: skip
TEXTS = st.lists(
    LITERALS.map(lambda text: text.replace("{", "{{").replace("}", "}}")) | PLACEHOLDERS.map("{{{}}}".format),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), to=st.sampled_from(TO), file_type=st.sampled_from(TYPES), with_codes=st.booleans())
def test_any_template_renders_what_a_plain_rendering_gives(
    kept_pairs: Path, tmp_path: Path, data: st.DataObject, to: str, file_type: str, with_codes: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    parts = {key: data.draw(TEXTS.filter(bool), key) for key in ("user", "assistant")}
    for key in ("system", "instruction"):
        if (text := data.draw(st.none() | TEXTS.filter(bool), key)) is not None:
            parts[key] = text
    separator, missing = data.draw(LITERALS, "separator"), data.draw(LITERALS, "missing")
    items = ids_of(kept_pairs, "item")[1:]
    titles = {item: data.draw(LITERALS.filter(str.strip), "title") for item in items[:5]}
    titles = {item: titles.get(item, f"the {item}") for item in items}
    codes, texts = codes_file(tmp_path, kept_pairs)
    options: dict[str, Any] = {"semantic_ids": codes} if with_codes else {}
    out = tmp_path / f"out.{file_type}"
    out.unlink(missing_ok=True)
    export(
        kept_pairs, out, to=to, split="train", limit=40, file_type=file_type, threads=1,
        item_info=info_file(tmp_path, kept_pairs, title=titles.__getitem__),
        template=template_file(tmp_path, **parts, separator=separator, missing=missing), **options,
    )  # fmt: skip
    about = {"codes": texts if with_codes else None, "titles": titles, "missing": missing}
    expected = []
    for pair in with_ids(kept_pairs)[:40]:
        values = texts_of(pair, about)
        made = record(to, {key: rendered(text, values, separator) for key, text in parts.items() if text})
        last = parts["user"] or parts.get("instruction") or parts.get("system") or ""
        if to == "prompt" and not last[-1:].isspace():
            made["prompt"] += "\n"
        expected.append(made)
    assert read(out) == expected


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", TO)
def test_every_split_without_a_template(kept_pairs: Path, tmp_path: Path, to: str, file_type: str) -> None:
    """Items are their ids."""
    report = export(kept_pairs, tmp_path / "out", to=to, file_type=file_type)
    for split in SPLITS:
        pairs = with_ids(kept_pairs, split)
        assert report.pairs[split] == len(pairs)
        end = "\n" if to == "prompt" else ""
        expected = [
            record(to, {"instruction": TASK, "user": ", ".join(pair["input_items"]) + end,
                        "assistant": pair["target_item"]})
            for pair in pairs
        ]  # fmt: skip
        assert read(tmp_path / "out" / f"{split}.{file_type}") == expected
    assert any("items are written as their ids" in note for note in report.notes)


def test_without_a_template_codes_come_before_titles_and_titles_before_ids(kept_pairs: Path, tmp_path: Path) -> None:
    info = info_file(tmp_path, kept_pairs, title=lambda item: f"the {item}")
    codes, texts = codes_file(tmp_path, kept_pairs)
    first = with_ids(kept_pairs)[0]
    cases: list[tuple[dict[str, Any], Callable[[str], str], str]] = [
        ({}, str, ", "),
        ({"item_info": info}, lambda item: f"the {item}", "\n"),
        ({"item_info": info, "semantic_ids": codes}, texts.__getitem__, ", "),
    ]
    for number, (options, text, separator) in enumerate(cases):
        out = tmp_path / f"{number}.jsonl"
        export(kept_pairs, out, to="prompt", split="train", limit=1, **options)
        asked = separator.join(map(text, first["input_items"]))
        assert read(out) == [{"prompt": f"{TASK}\n{asked}\n", "completion": text(first["target_item"])}]


def test_titles_that_were_kept_with_the_pairs_need_no_option(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(6)))
    (tmp_path / "info.csv").write_text("item_id,title\n" + "".join(f"i{n},Item {n}\n" for n in range(6)))
    augment(tmp_path / "log.csv", tmp_path / "log.pairs", item_info=str(tmp_path / "info.csv"))
    export(tmp_path / "log.pairs", tmp_path / "out.jsonl", to="prompt", split="test")
    (found,) = read(tmp_path / "out.jsonl")
    assert found == {"prompt": f"{TASK}\nItem 0\nItem 1\nItem 2\nItem 3\nItem 4\n", "completion": "Item 5"}


# ----------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ([1_700_000_000], pa.int64(), "2023-11-14T22:13:20Z"),
        ([1_700_000_000_999], pa.int64(), "2023-11-14T22:13:20Z"),
        ([1_700_000_000_999_999_999], pa.int64(), "2023-11-14T22:13:20Z"),
        ([1_700_000_000.75], pa.float64(), "2023-11-14T22:13:20Z"),
        ([dt.datetime(2023, 11, 14, 22, 13, 20, 5)], pa.timestamp("us"), "2023-11-14T22:13:20"),  # noqa: DTZ001
        ([dt.datetime(1969, 12, 31, 23, 59, 59, 5)], pa.timestamp("us"), "1969-12-31T23:59:59"),  # noqa: DTZ001
        ([dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)], pa.timestamp("ms", "Asia/Tokyo"),
         "2023-11-14T22:13:20Z"),
        ([dt.date(2023, 11, 14)], pa.date32(), "2023-11-14"),
        (["14 November"], pa.string(), "14 November"),
    ],
)  # fmt: skip
def test_times_are_iso_8601(values: list[Any], kind: pa.DataType, text: str) -> None:
    from genpas_cli.export.formats.language_models.times import iso_times

    found = iso_times(pa.array([*values, None], kind), "at").cast(pa.string())
    assert found.to_pylist() == [text, None]


def timed(directory: Path, first: int, *, keep: tuple[str, ...] = ("timestamp",)) -> Path:
    """Make pairs with a kept time."""
    rows = [f"u{user},i{n % 4},{first + n}\n" for user in range(3) for n in range(5)]
    (directory / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    augment(directory / "log.csv", directory / "log.pairs", ingest_options=IngestOptions(keep=keep))
    return directory / "log.pairs"


def test_the_time_is_that_of_the_target(tmp_path: Path) -> None:
    pairs = timed(tmp_path, 1_700_000_000)
    export(pairs, tmp_path / "out.jsonl", to="prompt", split="test",
           template=template_file(tmp_path, user="{time} ", assistant="{target_timestamp}"))  # fmt: skip
    assert read(tmp_path / "out.jsonl") == [{"prompt": "2023-11-14T22:13:24Z ", "completion": "1700000004"}] * 3


def test_a_template_names_the_column_of_times(tmp_path: Path) -> None:
    rows = [f"u{user},i{n % 4},{n},{1_700_000_000 + n},x\n" for user in range(3) for n in range(5)]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp,when,note\n" + "".join(rows))
    augment(tmp_path / "log.csv", tmp_path / "log.pairs", ingest_options=IngestOptions(keep=("when", "note")))
    template = template_file(tmp_path, user="{time} ", assistant="a", time="when")
    export(tmp_path / "log.pairs", tmp_path / "out.jsonl", to="prompt", split="test", template=template)
    assert read(tmp_path / "out.jsonl") == [{"prompt": "2023-11-14T22:13:24Z ", "completion": "a"}] * 3
    template = template_file(tmp_path, user="{time} ", assistant="a", time="then")
    with pytest.raises(UsageError, match="the kept columns of the pairs are: when, note"):
        export(tmp_path / "log.pairs", tmp_path / "wrong", to="prompt", template=template)


# -------------------------------------------------------------------------------------------------------- large records


def test_long_histories_are_rendered_in_pieces_of_bounded_size(
    kept_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records are the same; only their pieces are not."""
    info = info_file(tmp_path, kept_pairs, title=lambda item: f"{item} " * 30)
    outputs = []
    for piece in (rendering.PIECE_BYTES, 20_000):
        monkeypatch.setattr(rendering, "PIECE_BYTES", piece)
        for file_type in TYPES:
            out = tmp_path / f"{piece}.{file_type}"
            export(kept_pairs, out, to="messages", split="train", item_info=info, file_type=file_type)
            outputs.append(out)
    whole, whole_parquet, divided, divided_parquet = outputs
    assert divided.read_bytes() == whole.read_bytes()
    assert pq.read_table(divided_parquet).equals(pq.read_table(whole_parquet))
    groups = pq.read_metadata(divided_parquet)
    sizes = [groups.row_group(n).total_byte_size for n in range(groups.num_row_groups)]
    assert len(sizes) > pq.read_metadata(whole_parquet).num_row_groups
    rows = read(whole)
    longest = max(len(json.dumps(row, ensure_ascii=False).encode()) for row in rows)
    per_group = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
    begins = [sum(per_group[:n]) for n in range(len(per_group) + 1)]
    for begin, end in pairwise(begins):
        assert sum(len(json.dumps(row, ensure_ascii=False).encode()) for row in rows[begin:end]) < 25_000 + longest


# --------------------------------------------------------------------------------------------------------- companions


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", TO)
def test_llama_factory_finds_every_column_that_its_description_names(
    kept_pairs: Path, tmp_path: Path, to: str, file_type: str
) -> None:
    template = template_file(tmp_path, system="You recommend.", user="{history}", assistant="{target}")
    export(kept_pairs, tmp_path / "out", to=to, file_type=file_type, template=template)
    about = json.loads((tmp_path / "out" / "dataset_info.json").read_text("utf-8"))
    assert list(about) == list(SPLITS)
    for split, described in about.items():
        assert described["file_name"] == f"{split}.{file_type}"
        first = read(tmp_path / "out" / described["file_name"])[0]
        assert set(described["columns"].values()) == set(first)
        if described["formatting"] == "sharegpt":
            tags, (*_, asked, answered) = described["tags"], first[described["columns"]["messages"]]
            assert asked == {tags["role_tag"]: tags["user_tag"], tags["content_tag"]: asked[tags["content_tag"]]}
            assert answered[tags["role_tag"]] == tags["assistant_tag"]


def test_codes_come_with_their_tokens(kept_pairs: Path, tmp_path: Path) -> None:
    codes, texts = codes_file(tmp_path, kept_pairs)
    report = export(kept_pairs, tmp_path / "out", to="messages", semantic_ids=codes, sid_format="openonerec")
    tokens = (tmp_path / "out" / "new_tokens.txt").read_text("utf-8").splitlines()
    levels = [max(int(text.split("_")[at].split(">")[0]) for text in texts.values()) + 1 for at in (1, 2)]
    around = ["<|sid_begin|>", "<|sid_end|>"]
    assert tokens == [*around, *(f"<s_{'ab'[n]}_{code}>" for n in (0, 1) for code in range(levels[n]))]
    lines = (tmp_path / "out" / "new_special_tokens.yaml").read_text("utf-8").splitlines()
    # A JSON object of one pair in each line is YAML without its braces.
    meanings = [json.loads(f"{{{line}}}") for line in lines]
    assert [token for meaning in meanings for token in meaning] == tokens
    assert meanings[2] == {"<s_a_0>": "code 0 of level 1 of the semantic id of an item"}
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    written = {item: f"<|sid_begin|>{''.join(each)}<|sid_end|>" for item, each in index.items()}
    for pair, found in zip(with_ids(kept_pairs), read(tmp_path / "out" / "train.jsonl"), strict=True):
        assert found["messages"][1]["content"] == written[pair["target_item"]]
        assert set(re.findall(r"<[^<>]+>", found["messages"][0]["content"])) <= set(tokens)
    assert any(f"{len(tokens)} new tokens" in note for note in report.notes)


def test_one_file_has_no_companions_and_its_note_names_it(kept_pairs: Path, tmp_path: Path) -> None:
    report = export(kept_pairs, tmp_path / "x.parquet", to="messages", file_type="parquet", split="test")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.parquet"]
    assert any("load_dataset('parquet', data_files='x.parquet')" in note for note in report.notes)
    assert not any("LLaMA-Factory" in note for note in report.notes)


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user = 'a'", "has no key 'assistant'"),
        ("assistant = 'a'", "has no key 'user'"),
        ("", "has no key 'user'"),
        ("user = a", "is not TOML"),
        ("user = 'a'\nuser = 'b'", "is not TOML"),
        ("user = 'a'\nasistant = 'b'", "unknown key 'asistant'"),
        ("user = 1\nassistant = 'b'", "user is 1; it must be a text"),
        ("user = '{histroy}'\nassistant = 'b'", "unknown placeholder {histroy}"),
        ("user = '{}'\nassistant = 'b'", "unknown placeholder {}"),
        ("user = '{history:>5}'\nassistant = 'b'", "unknown placeholder {history:>5}"),
        ("user = '{history_}'\nassistant = 'b'", "unknown placeholder {history_}"),
        ("user = 'a } b'\nassistant = 'b'", "single } at character 3"),
        ("user = 'a { b'\nassistant = 'b'", "single { at character 3"),
        ("user = '{time}'\nassistant = 'b'", "{time}"),
        ("user = '{history_titles}'\nassistant = 'b'", "no item information"),
        ("user = '{history_brand}'\nassistant = 'b'", "the column 'brand' of the items is unknown"),
    ],
)
def test_a_bad_template(plain_pairs: Path, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "template.toml").write_text(text, encoding="utf-8")
    if words == "{time}":
        plain_pairs = timed(tmp_path, 0, keep=())
    with pytest.raises(UsageError) as raised:
        export(plain_pairs, tmp_path / "out", to="messages", template=str(tmp_path / "template.toml"))
    assert words in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_misspelt_word_of_a_template_is_named_with_the_right_one(plain_pairs: Path, tmp_path: Path) -> None:
    for parts, near in (
        ({"user": "{histroy}", "assistant": "a"}, "{history}"),
        ({"user": "{target_strs}", "assistant": "a"}, "'stars'"),
        ({"user": "a", "asistant": "a"}, "'assistant'"),
    ):
        with pytest.raises(UsageError) as raised:
            export(plain_pairs, tmp_path / "out", to="messages", template=template_file(tmp_path, **parts))
        assert near in str(raised.value.tip)


@pytest.mark.parametrize("content", [None, b"user = '\xff'"])
def test_a_template_that_cannot_be_read(plain_pairs: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "no.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"no\.toml"):
        export(plain_pairs, tmp_path / "out", to="messages", template=str(path))
    with pytest.raises(UsageError, match="it is not a file"):
        export(plain_pairs, tmp_path / "out", to="messages", template=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pad": "left"}, "--pad cannot be used with --to"),
        ({"pad": "right", "ids": "num"}, "--pad cannot be used with --to"),
        ({"ids": "num"}, "cannot be combined with --ids num"),
        ({"columns": "input_start"}, "--columns input_start"),
        ({"separator": True}, "--separator cannot be used with --to"),
        ({"end_token": True}, "--end-token cannot be used with --to"),
        ({"user_tokens": 5}, "--user-tokens cannot be used with --to"),
        ({"file_type": "csv"}, "--file-type is 'csv'"),
    ],
)
@pytest.mark.parametrize("to", TO)
def test_an_option_of_numbers_is_refused(
    plain_pairs: Path, tmp_path: Path, to: str, options: dict[str, Any], words: str
) -> None:
    codes, _ = codes_file(tmp_path, plain_pairs)
    cases: list[dict[str, Any]] = [{}, {"semantic_ids": codes}]
    for more in cases:
        with pytest.raises(UsageError) as raised:
            export(plain_pairs, tmp_path / "out", ExportOptions(to=to, **options, **more))
        assert words in str(raised.value)


def test_only_these_formats_have_a_template(plain_pairs: Path, tmp_path: Path) -> None:
    template = template_file(tmp_path, user="a", assistant="b")
    with pytest.raises(UsageError, match="--template cannot be used with --to jsonl"):
        export(plain_pairs, tmp_path / "out", to="jsonl", template=template)


def test_a_missing_value_needs_a_text(kept_pairs: Path, tmp_path: Path) -> None:
    for column in ("note", "rating"):
        for side in ("history", "target"):
            template = template_file(tmp_path, user=f"{{{side}_{column}}}", assistant="b")
            with pytest.raises(DataError, match=f"the column '{column}' has missing values") as raised:
                export(kept_pairs, tmp_path / "out", to="messages", template=template)
            assert 'missing = "unknown"' in str(raised.value.tip)
    info = info_file(tmp_path, kept_pairs, brand=lambda item: None if item == AWKWARD[0] else "x")
    template = template_file(tmp_path, user="{history_brand}", assistant="b")
    with pytest.raises(DataError, match="the column 'brand' has missing values"):
        export(kept_pairs, tmp_path / "out", to="messages", template=template, item_info=info)


def test_a_number_that_is_no_time(tmp_path: Path) -> None:
    template = template_file(tmp_path, user="{time}", assistant="b")
    with pytest.raises(DataError, match="not times since 1970, such as"):
        export(timed(tmp_path, 5), tmp_path / "out", to="messages", template=template)


def test_a_title_is_missing(plain_pairs: Path, tmp_path: Path) -> None:
    info = info_file(tmp_path, plain_pairs, title=lambda item: None if item == "i3" else f"the {item}")
    with pytest.raises(DataError, match=r"1 of 25 items have no title, such as 'i3'"):
        export(plain_pairs, tmp_path / "out", to="messages", item_info=info)
    export(plain_pairs, tmp_path / "out", to="messages", item_info=info, missing_titles="id")


def test_the_column_of_titles_has_another_name(plain_pairs: Path, tmp_path: Path) -> None:
    info = info_file(tmp_path, plain_pairs, name=lambda item: f"the {item}")
    with pytest.raises(UsageError, match="has no column 'title'; its columns are: name"):
        export(plain_pairs, tmp_path / "out", to="messages", item_info=info)
    export(plain_pairs, tmp_path / "out.jsonl", to="prompt", item_info=info, title="name", split="test", limit=1)
    assert read(tmp_path / "out.jsonl")[0]["completion"].startswith("the i")


def test_a_column_of_titles_that_nothing_has(plain_pairs: Path, tmp_path: Path) -> None:
    """A name that is misspelt must not give records of ids."""
    with pytest.raises(UsageError, match="no item information, so the column 'titel' of the items is unknown"):
        export(plain_pairs, tmp_path / "out", to="messages", title="titel")
    assert not (tmp_path / "out").exists()


def test_pairs_without_a_vocabulary_of_their_own(tmp_path: Path) -> None:
    """Long histories, several epochs, ids that are numbers in the log."""
    rows = [f"{user},{n},{n}\n" for user in range(4) for n in range(30)]
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    augment(tmp_path / "log.csv", tmp_path / "log.pairs", AugmentOptions(epochs=2, max_input="none"))
    report = export(tmp_path / "log.pairs", tmp_path / "out", to="alpaca")
    assert len(read(tmp_path / "out" / "train.jsonl")) == report.pairs["train"]
    assert read(tmp_path / "out" / "test.jsonl")[0]["output"] == "29"


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", TO)
def test_a_batch_whose_pairs_are_all_dropped(plain_pairs: Path, tmp_path: Path, to: str, file_type: str) -> None:
    first = with_ids_of_items(plain_pairs)[0]
    other = next(item for item in ids_of(plain_pairs, "item")[1:] if item != first["target_item"])
    pq.write_table(pa.table({"item_id": [other], "codes": [[0, 0]]}), tmp_path / "codes.parquet")
    out = tmp_path / f"out.{file_type}"
    report = export(
        plain_pairs, out, to=to, split="train", limit=1, semantic_ids=str(tmp_path / "codes.parquet"),
        missing_codes="drop", file_type=file_type,
    )  # fmt: skip
    assert (report.pairs, report.dropped, read(out)) == ({"train": 0}, 1, [])


@pytest.mark.parametrize(
    "titles",
    [pa.array([["a"]] * 60), pa.array([{"a": "b"}] * 60), pa.array([b"\xff"] * 60)],
    ids=["lists", "objects", "bytes"],
)
def test_titles_that_are_no_texts(plain_pairs: Path, tmp_path: Path, titles: pa.Array) -> None:
    ids = pq.read_table(plain_pairs / "items.parquet")["item_id"].to_pylist()
    pq.write_table(pa.table({"item_id": ids, "title": titles[: len(ids)]}), tmp_path / "info.parquet")
    with pytest.raises(DataError, match="a title must be a text, a number or a date"):
        export(plain_pairs, tmp_path / "o", ExportOptions(to="messages", item_info=str(tmp_path / "info.parquet")))


@pytest.mark.parametrize("to", TO)
def test_force_does_not_claim_that_a_file_without_a_mark_is_foreign(plain_pairs: Path, tmp_path: Path, to: str) -> None:
    options = ExportOptions(to=to, split="train")
    export(plain_pairs, tmp_path / "o.jsonl", options)
    before = (tmp_path / "o.jsonl").read_bytes()
    with pytest.raises(UsageError, match="nothing in the file shows that genpas wrote it"):
        export(plain_pairs, tmp_path / "o.jsonl", options, force=True)
    assert (tmp_path / "o.jsonl").read_bytes() == before


def test_a_number_of_user_tokens_that_no_memory_holds(plain_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--user-tokens is 99999999999; it must be 67,108,864 or less"):
        export(plain_pairs, tmp_path / "o", ExportOptions(user_tokens=99_999_999_999))
