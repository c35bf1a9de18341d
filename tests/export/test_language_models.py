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

from genpas_cli import IngestOptions, UsageError, augment, export
from genpas_cli.export.formats.language_models import rendering
from tests.export.language_model_records import (
    SPLITS,
    TASK,
    TO,
    TYPES,
    codes_file,
    ids_of,
    info_file,
    read,
    record,
    rendered,
    template_file,
    texts_of,
    timed,
    with_ids,
)

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
