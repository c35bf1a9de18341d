"""Templates, options and values that records for language models cannot be made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, DataError, ExportOptions, UsageError, augment, export
from tests.export.conftest import AWKWARD
from tests.export.language_model_records import (
    TO,
    TYPES,
    codes_file,
    ids_of,
    info_file,
    read,
    template_file,
    timed,
    with_ids_of_items,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user = 'a'", "has no key 'assistant'"),
        ("assistant = 'a'", "has no key 'user'"),
        ("", "has no key 'user'"),
        ("user = a", "is not TOML"),
        ("user = 'a'\nuser = 'b'", "is not TOML"),
        ("user = 'a'\nasistant = 'b'", "unknown key 'asistant'"),
        ("user = 1\nassistant = 'b'", "user is 1; it must be a string"),
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


def test_a_template_may_begin_with_a_byte_order_mark(plain_pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "template.toml").write_text("\ufeffuser = '{history}'\nassistant = '{target}'", encoding="utf-8")
    assert export(plain_pairs, tmp_path / "out", to="messages", template=str(tmp_path / "template.toml")).pairs


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
        ({"columns": "input_items"}, "--columns cannot be used with --to"),
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
    with pytest.raises(DataError, match="a title must be a string, a number or a date"):
        export(plain_pairs, tmp_path / "o", ExportOptions(to="messages", item_info=str(tmp_path / "info.parquet")))


def test_a_number_of_user_tokens_that_no_memory_holds(plain_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--user-tokens is 99999999999; it must be 67,108,864 or less"):
        export(plain_pairs, tmp_path / "o", ExportOptions(user_tokens=99_999_999_999))
