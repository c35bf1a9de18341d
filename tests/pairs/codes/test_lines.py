"""Codes in the lines of a generative model: the forms that genpas writes and documents, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.codes.lines import LineCodes
from genpas_cli.pairs.codes.sid import sid_pattern

PATTERNS = [
    "minionerec", "openonerec", "<{level}_{code}>", "<{number}_{code}>", "L{number}_{code}", "{level}{code}",
    "{code}{level}", "<tok{level}_{code}>", "<s_{number}:{code}>", "<level_{level}_code_{code}>",
    "<level{number}_code{code}>", "{number}.{code};", "<|begin|>[<{level}-{code}>]<|end|>",
]  # fmt: skip
CODES = st.lists(st.integers(0, 2**31 - 2), min_size=2, max_size=30)


def written(pattern: str, codes: list[int], levels: list[int] | None = None, between: str = "") -> str:
    found = sid_pattern(pattern)
    places = range(len(codes)) if levels is None else levels
    texts = [found.code(level, code) for level, code in zip(places, codes, strict=True)]
    return found.begin + between.join(texts) + found.end


@given(
    CODES, st.sampled_from(PATTERNS), st.sampled_from(["", " ", ", "]), st.sampled_from(["", "</s>\n", "<|im_end|>"])
)
def test_what_genpas_writes_is_read(codes: list[int], pattern: str, between: str, end: str) -> None:
    assert LineCodes(len(codes)).of(written(pattern, codes, between=between) + end) == codes


@given(CODES, st.sampled_from(PATTERNS), st.data())
def test_a_code_of_another_level_is_none(codes: list[int], pattern: str, data: st.DataObject) -> None:
    levels = list(range(len(codes)))
    at = data.draw(st.sampled_from(levels))
    levels[at] = data.draw(st.sampled_from([level for level in range(len(codes) + 3) if level != at]))
    assert LineCodes(len(codes)).of(written(pattern, codes, levels)) is None


@given(
    CODES, st.sampled_from([" ", ",", ", ", "-", "_", "\t", " | "]), st.sampled_from(["{}", "[{}]", "<s> {} </s>\n"])
)
def test_plain_numbers_are_read(codes: list[int], between: str, around: str) -> None:
    assert LineCodes(len(codes)).of(around.format(between.join(map(str, codes)))) == codes


@pytest.mark.parametrize(
    "line",
    [
        "<b_2><a_3><c_0>", "<a_2><a_3><a_0>", "item 2 of 3 with 0", "2.3 0", "2.3.0", "2 3.0", "2, 3 and 0", "2% 3 0",
        "The codes are 2 3 0", "<a_2><b_3>", "<a_2><b_3><c_0><d_1>", "<a_2>3 0", "<a_2><b_3><c_0> or <a_1><b_1><c_1>",
        "<x_2><y_3><z_0>", "<colour_2><brand_3><shop_0>", "<0_2><2_3><1_0>", "<2_2><3_3><4_0>", "2 0 3 1 0 2",
        "0 is 2, 1 is 3, 2 is 0", "take 0 2 then 1 3 then 2 0", "<0_2><x1_3><2_0>", "",
    ],
)  # fmt: skip
def test_other_text_is_none(line: str) -> None:
    assert LineCodes(3).of(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "The next item is <a_2><b_3><c_0>.", "<|sid_begin|><s_a_2><s_b_3><s_c_0><|sid_end|>", "<A_2><B_3><C_0>",
        "assistant: <0_2><1_3><2_0>", "Answer: L1_2 L2_3 L3_0 (end)", "<a_2>, <b_3> and <c_0>",
        '["<a_2>", "<b_3>", "<c_0>"]',
    ],
)  # fmt: skip
def test_text_around_tokens_is_ignored(line: str) -> None:
    assert LineCodes(3).of(line) == [2, 3, 0]


def test_a_long_answer_takes_no_longer_than_its_length() -> None:
    """A search that is quadratic in the length of the line would not end here."""
    assert LineCodes(3).of("words and " * 100_000 + "<a_2><b_3><c_0>") == [2, 3, 0]
    for text in ("a_" * 500_000, " " * 1_000_000, "<" * 1_000_000, "_-" * 500_000):
        assert LineCodes(3).of(f"{text}2 b 3 x 0") is None
        assert LineCodes(3).of(f"0 2 1{text}3 2 x 0") is None


def test_the_names_of_the_file_of_codes_count() -> None:
    named = LineCodes(2, ("colour", "brand"))
    assert named.of("<colour_3><brand_17>") == [3, 17]
    assert named.of("<brand_3><colour_17>") is None
    assert named.of("<a_3><b_17>") is None
    assert LineCodes(2, ("c", "c")).of("<c_3><c_17>") == [3, 17]
    assert LineCodes(1).of("<a_3>") == [3]
    assert LineCodes(1).of("<b_3>") is LineCodes(1).of("have 3") is None
