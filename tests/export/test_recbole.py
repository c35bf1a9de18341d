"""What RecBole would misread is refused, or written so that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, DataError, ExportOptions, IngestOptions, UsageError, augment, export


def cut(directory: Path, *items: str, keep: tuple[str, ...] = (), notes: str = "x", **options: str) -> Path:
    """Make pairs of a log of one user with these items."""
    rows = [f'u1,"{item}",{n},{notes if n else ""}' for n, item in enumerate(("a", "b", "c", "d", *items))]
    (directory / "log.csv").write_text("\n".join(("user_id,item_id,timestamp,note", *rows)) + "\n", encoding="utf-8")
    kept = IngestOptions(keep=keep, null_values="")  # an item called NA is an item here
    augment(directory / "log.csv", directory / "log.pairs", AugmentOptions(**options), ingest_options=kept)  # type: ignore[arg-type]
    return directory / "log.pairs"


@pytest.mark.parametrize("item", ['""quoted', "NA", "null", "nan", "[PAD]"])
def test_ids_that_it_would_take_for_something_else(tmp_path: Path, item: str) -> None:
    pairs = cut(tmp_path, item)
    with pytest.raises(DataError, match="RecBole would misread") as raised:
        export(pairs, tmp_path / "out", ExportOptions(to="recbole", ids="raw"))
    assert "Write numbers instead of ids: --ids num" in str(raised.value.tip)
    export(pairs, tmp_path / "out", ExportOptions(to="recbole", ids="num"))


def test_texts_that_are_missing(tmp_path: Path) -> None:
    pairs = cut(tmp_path, keep=("note",))
    with pytest.raises(DataError, match="the kept column 'note' has missing values"):
        export(pairs, tmp_path / "out", ExportOptions(to="recbole"))
    export(pairs, tmp_path / "out", ExportOptions(to="recbole", columns="user_num"))


def test_numbers_that_are_missing_keep_their_place(tmp_path: Path) -> None:
    pairs = cut(tmp_path, keep=("note",), notes="1.5")
    export(pairs, tmp_path / "out", ExportOptions(to="recbole"))
    lines = (tmp_path / "out" / "out.test.inter").read_text("utf-8").splitlines()
    assert lines[1].split("\t")[3] == "+nan 1.5 1.5"


@pytest.mark.parametrize("to", ["recbole", "grid"])
def test_padding_would_be_an_item(tmp_path: Path, to: str) -> None:
    with pytest.raises(UsageError, match="would read 0 as an item"):
        export(cut(tmp_path), tmp_path / "out", ExportOptions(to=to, pad="left"))


def test_the_settings_have_room_for_the_longest_input(tmp_path: Path) -> None:
    """RecBole's models have so many positions, and fail over one more."""
    pairs = cut(tmp_path, *(f"i{n}" for n in range(60)), max_input="none")
    export(pairs, tmp_path / "out", ExportOptions(to="recbole"))
    assert "MAX_ITEM_LIST_LENGTH: 63\n" in (tmp_path / "out" / "out.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "word",
    [
        "#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN",
        "None", "n/a", "nan", "null", "[PAD]",
    ],
)  # fmt: skip
def test_every_word_that_it_loses_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(DataError, match="RecBole would misread"):
        export(cut(tmp_path, word), tmp_path / "out", ExportOptions(to="recbole", ids="raw"))
