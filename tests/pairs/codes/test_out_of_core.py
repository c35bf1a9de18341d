"""Items are matched with a file of codes in parts on disk as in memory, with the same messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli.pairs.codes import files, item_codes, table
from genpas_cli.pairs.codes.files import Codes, open_codes
from genpas_cli.pairs.codes.matching import repeated
from genpas_cli.pairs.codes.spreading import Room, row_hashes, text_hashes
from genpas_cli.pairs.codes.table import CodeTable, table_in_file
from genpas_cli.runtime.errors import DataError, MachineError
from genpas_cli.runtime.machine import Machine

FEW_BYTES = 800
"""Memory for rows that two or three of them exceed."""

IDS = st.text(st.sampled_from('ab0"ü☕\\\n'), max_size=20)
CODE = st.sampled_from([0, 1, 2, 255, 70_000])


class Vocabulary:
    """Ids in blocks of three."""

    def __init__(self, ids: list[str]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def blocks(self) -> Iterator[pa.Array]:
        for begin in range(0, len(self), 3):
            yield pa.array(self._ids[begin : begin + 3], pa.string())

    def whole(self) -> pa.Array:
        return pa.array(self._ids, pa.string())


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks of four rows, and windows of a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_ROWS_AT_ONCE", 4)
        patch.setattr(table, "BLOCK_ROWS", 4)
        patch.setattr(item_codes, "BLOCK_ROWS", 4)
        patch.setattr(table, "_WINDOW", 16)
        yield


@st.composite
def vocabularies(draw: st.DrawFn) -> tuple[list[str], list[str], list[list[int]]]:
    """Return the ids of a vocabulary, those of a file of codes (some unknown, missing or repeated), and codes."""
    ids = draw(st.lists(IDS, min_size=1, max_size=40, unique=True))
    named = draw(st.lists(st.sampled_from(ids), max_size=40, unique=draw(st.integers(0, 3)) > 0))
    named = draw(st.permutations([*named, *draw(st.lists(IDS.map(lambda text: f"?{text}"), max_size=3, unique=True))]))
    levels = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CODE, min_size=levels, max_size=levels), min_size=len(named), max_size=len(named)))
    return ids, named, rows


def by_dictionary(ids: list[str], named: list[str], rows: list[list[int]], missing: str, colliding: str) -> object:
    """Return the codes of each item, None for none; or the begin of the message."""
    if twice := [name for name, count in Counter(named).items() if count > 1]:
        return f"{len(twice):,} items occur more than once, such as {twice[0]!r}"
    known = dict(zip(named, rows, strict=True))
    found = [known.get(name) for name in ids]
    if not any(found):
        return f"has codes of none of the {len(ids)} items"
    lacking = [name for name, codes in zip(ids, found, strict=True) if codes is None]
    if lacking and missing == "error":
        return f"{len(lacking)} of {len(ids)} items have no semantic id: {', '.join(map(repr, lacking[:5]))}"
    twins = [None if codes is None else found[:at].count(codes) for at, codes in enumerate(found)]
    shared = [name for name, twin in zip(ids, twins, strict=True) if twin]
    if shared and colliding == "error":
        return f"{len(shared)} of {len(ids)} items share their semantic id with another item: " + ", ".join(
            map(repr, shared[:5])
        )
    if colliding != "append":
        return found
    return [None if codes is None else [*codes, twin] for codes, twin in zip(found, twins, strict=True)]


def by_genpas(ids: list[str], codes: Any, missing: Any, colliding: Any, room: Room | None) -> object:
    """Return the codes of each item, None for none; or the message."""
    try:
        found = item_codes.item_codes(Vocabulary(ids), codes, missing=missing, colliding=colliding, room=room)
    except DataError as error:
        return error.message
    numbers = np.arange(len(ids) + 1)
    np.testing.assert_array_equal(found.table.of(numbers[::-1])[::-1], found.codes)
    assert found.sizes == tuple(found.codes.max(axis=0) + 1)
    np.testing.assert_array_equal(np.concatenate([codes for _, codes in found.table.blocks()]), found.codes[1:])
    assert not found.codes[~found.known].any(), "zeros for items without codes"
    named = [part for at_once in (1, 5, 100) for part in found.named(at_once)]
    for numbers, names, table_of in named:
        assert names.to_pylist() == [ids[number - 1] for number in numbers]
        np.testing.assert_array_equal(table_of, found.codes[numbers])
    assert sorted(np.concatenate([part.numbers for part in named])) == sorted(np.flatnonzero(found.known).tolist() * 3)
    return [row if known else None for row, known in zip(found.codes[1:].tolist(), found.known[1:], strict=True)]


@settings(max_examples=200)
@given(vocabularies(), st.sampled_from(["error", "drop"]), st.sampled_from(["error", "append", "keep"]), st.booleans())
def test_parts_on_disk_give_what_a_dictionary_gives(
    case: tuple[list[str], list[str], list[list[int]]],
    missing: str,
    colliding: str,
    is_small: bool,  # noqa: FBT001
) -> None:
    ids, named, rows = case
    if not named:
        return
    expected = by_dictionary(ids, named, rows, missing, colliding)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "codes.parquet"
        pq.write_table(pa.table({"item_id": pa.array(named), "codes": rows}), path, row_group_size=3)
        room = Room(FEW_BYTES, Path(directory)) if is_small else None
        found = by_genpas(ids, open_codes(path), missing, colliding, room)
        left = {file.name for file in Path(directory).iterdir()} - {"codes.parquet", "codes-plain", "codes-appended"}
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert expected in found
    else:
        assert found == expected
        assert not left, "files of parts are deleted as they are used"


@settings(max_examples=50)
@given(st.permutations([str(number) for number in range(9)]), st.sampled_from(["number", "position"]), st.booleans())
def test_numbers_are_matched_in_parts_as_in_memory(names: list[str], keys: Any, has_ids: bool) -> None:  # noqa: FBT001
    ids = [str(number) for number in range(9)] if has_ids else [f"i{number}" for number in range(9)]
    names = [str(int(name) + 1) for name in names] if keys == "number" else names
    codes = Codes(pa.array(names), np.array([[int(name)] for name in names], np.int32), keys)
    first = 1 if keys == "number" else 0
    with TemporaryDirectory() as directory:
        for room in (None, Room(FEW_BYTES, Path(directory))):
            assert by_genpas(ids, codes, "error", "keep", room) == [[n + first] for n in range(9)]


def test_a_directory_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    ids = pa.array([f"i{number}" for number in range(9)])
    codes = Codes(ids, np.arange(9, dtype=np.int32)[:, None])
    with pytest.raises(MachineError, match=f"cannot write to {tmp_path}/none: ") as raised:
        item_codes.item_codes(ids, codes, missing="error", colliding="error", room=Room(FEW_BYTES, tmp_path / "none"))
    assert raised.value.tip == "Choose another path with --temp-dir."


@given(st.lists(IDS, min_size=1, max_size=40))
def test_repeated_names_are_found_in_parts(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    with TemporaryDirectory() as directory:
        for memory in (FEW_BYTES, 1 << 30):
            found = repeated(Vocabulary(names).blocks(), len(names), Room(memory, Path(directory)), 3)
            assert found == (len(twice), twice[:3])


def test_both_readings_of_keys_are_refused_in_parts_too(tmp_path: Path) -> None:
    codes = Codes(pa.array(["0", "1", "2"]), np.array([[5], [6], [7]], np.int32), "position", "index.json")
    room = Room(FEW_BYTES, tmp_path)
    message = "the keys of index.json are 0 to 2, which are both item numbers from 0 and ids of the log"
    assert by_genpas(["2", "0", "1"], codes, "error", "keep", room) == message
    assert by_genpas(["0", "2", "9", "1"], codes, "drop", "keep", room) == [[5], [7], None, [6]]


@given(st.lists(IDS, min_size=1, max_size=60), st.integers(0, 5))
def test_equal_texts_have_equal_hashes_and_others_do_not(texts: list[str], begin: int) -> None:
    # Different texts have equal hashes with a probability below 10^-15 in a run.
    hashes = text_hashes(pa.array(["x"] * begin + texts, pa.string())[begin:])
    assert len(hashes) == len(texts)
    assert len(set(zip(texts, hashes.tolist(), strict=True))) == len(set(texts)) == len(set(hashes.tolist()))


@pytest.mark.parametrize("form", ["{}", "item-{:09}", "https://example.com/shop/{:07}/index.html", "{:020}-fixed-end"])
def test_hashes_spread_ids_evenly_over_parts(form: str) -> None:
    ids = pa.array([form.format(number) for number in range(100_000)])
    counts = np.bincount((text_hashes(ids) >> np.uint64(32)) % np.uint64(50), minlength=50)
    # Each count is binomial with a mean of 2,000 and a standard deviation of 44: one of 250 is 6 of
    # these away once in 10^6 runs.
    assert np.abs(counts - 2000).max() < 6 * 44


def test_hashes_spread_codes_evenly_over_parts() -> None:
    numbers = np.arange(100_000)
    codes = np.stack([numbers >> 16, (numbers >> 8) & 255, numbers & 255], axis=1).astype(np.int32)
    counts = np.bincount((row_hashes(codes) >> np.uint64(32)) % np.uint64(50), minlength=50)
    assert np.abs(counts - 2000).max() < 6 * 44


@given(st.data())
def test_a_table_in_a_file_has_the_codes_of_one_in_memory(data: st.DataObject) -> None:
    items, levels = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 4))
    codes = np.array([[data.draw(CODE) for _ in range(levels)] for _ in range(items)], np.int32)
    with TemporaryDirectory() as directory:
        found = table_in_file(
            (codes[begin : begin + 7] for begin in range(0, items, 7)), levels, int(codes.max()), Path(directory) / "t"
        )
        numbers = np.array(data.draw(st.lists(st.integers(0, items), max_size=40)), np.int64)
        held = CodeTable(np.concatenate((np.zeros((1, levels), np.int32), codes)))
        np.testing.assert_array_equal(found.of(numbers), held.of(numbers))
        np.testing.assert_array_equal(found.whole(), held.whole())
        assert found.is_in_file
        assert not held.is_in_file


def test_the_room_is_a_share_of_the_memory_limit(tmp_path: Path) -> None:
    room = Room.of(Machine(1, 2 * 10**9, tmp_path), tmp_path)
    assert room.memory < 10**9 / 2
    assert room.parts(room.memory) == 1
    assert room.parts(room.memory + 1) == 2
    assert Room.of(Machine(1, 10**6, tmp_path), tmp_path).memory > 0
