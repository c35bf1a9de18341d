"""Codes as text: the patterns of trainers, and the tokens that a tokenizer needs for them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.sid import sid_pattern
from genpas_cli.pairs.codes.table import CodeTable
from genpas_cli.pairs.vocabulary import HeldIds
from genpas_cli.runtime.errors import UsageError

CODES = ItemCodes(
    HeldIds(pa.array(["x", "y", "z"])),
    np.array([False, True, False, True]),
    CodeTable(np.array([[0, 0], [3, 1], [0, 0], [0, 2]], np.int32)),
)


@pytest.mark.parametrize(
    ("pattern", "text", "tokens"),
    [
        ("minionerec", "<a_3><b_1>", ["<a_0>", "<a_1>", "<a_2>", "<a_3>", "<b_0>", "<b_1>", "<b_2>"]),
        ("openonerec", "<|sid_begin|><s_a_3><s_b_1><|sid_end|>",
         ["<|sid_begin|>", "<|sid_end|>", "<s_a_0>", "<s_a_1>", "<s_a_2>", "<s_a_3>", "<s_b_0>", "<s_b_1>", "<s_b_2>"]),
        ("<{number}:{code}>", "<0:3><1:1>", ["<0:0>", "<0:1>", "<0:2>", "<0:3>", "<1:0>", "<1:1>", "<1:2>"]),
        ("<S>[{level}{code} ]", "<S>a3 b1 ", ["<S>", "a0 ", "a1 ", "a2 ", "a3 ", "b0 ", "b1 ", "b2 "]),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, tokens: list[str]) -> None:
    found = sid_pattern(pattern)
    assert found.texts(CODES).to_pylist()[0] == text
    assert found.texts(CODES).to_pylist()[1] is None, "an item without codes"
    assert found.tokens(CODES.sizes) == tokens
    whole = "".join(["".join(texts) for number, texts in found.lists(CODES) if number == 1])
    assert found.begin + whole + found.end == text
    assert [number for number, _ in found.lists(CODES)] == [1, 3]


@pytest.mark.parametrize("pattern", ["", "<{level}>", "{code}", "[x]", "<{level}_{kode}>"])
def test_a_pattern_that_cannot_tell_levels_or_codes_apart(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"it must contain \{code\}, and \{level\} or \{number\}"):
        sid_pattern(pattern)


@pytest.mark.parametrize("pattern", ["{number}{code}", "{code}{number}", "0{number}00{code}", "<S>[{number}{code}]"])
def test_digits_alone_do_not_tell_codes_apart(pattern: str) -> None:
    with pytest.raises(UsageError, match="codes of different items can give the same text"):
        sid_pattern(pattern)


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=2, max_size=40, unique_by=tuple),
    st.text("01{}x", max_size=2), st.text("01x", max_size=2), st.text("01x", max_size=2),
    st.sampled_from(["{level}", "{number}"]), st.booleans(),
)  # fmt: skip
def test_different_codes_have_different_texts(  # parts of a pattern
    codes: list[list[int]],
    before: str,
    between: str,
    after: str,
    level: str,
    code_first: bool,  # noqa: FBT001
) -> None:
    parts = ("{code}", between, level) if code_first else (level, between, "{code}")
    try:
        found = sid_pattern(before + "".join(parts) + after)
    except UsageError:
        return
    texts = ["".join(found.code(level, code) for level, code in enumerate(row)) for row in codes]
    assert len(set(texts)) == len(codes)


@pytest.mark.parametrize("break_", ["\n", "\r", "\u2028", "\x0b", "\x85"])
def test_a_token_has_one_line(break_: str) -> None:
    for pattern in (f"{break_}<{{level}}_{{code}}>", f"<{{level}}_{{code}}>{break_}", f"B{break_}[{{level}}{{code}}]"):
        with pytest.raises(UsageError, match="it must not contain line breaks"):
            sid_pattern(pattern)
