"""Semantic ids as text: how the codes of an item are written for a language model, and which tokens that takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.texts import level_name
from genpas_cli.runtime.errors import UsageError

PATTERNS = {"minionerec": "<{level}_{code}>", "openonerec": "<|sid_begin|>[<s_{level}_{code}>]<|sid_end|>"}
"""Patterns of known trainers."""

_FORM = re.compile(r"(?P<begin>[^\[\]]*)\[(?P<each>[^\[\]]*)\](?P<end>[^\[\]]*)")
_LITERALS = re.compile("[^0-9]")
_EXAMPLE = "a pattern is for example: --sid-format '<{level}_{code}>'"
_ITEMS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class SidPattern:
    """How the codes of an item are written: `<a_3><b_17>`."""

    each: str
    """One code, with `{code}`, and `{level}` (a, b, c, ...) or `{number}` (0, 1, 2, ...) of its level."""
    begin: str = ""
    """Token before the codes."""
    end: str = ""
    """Token after the codes."""

    def code(self, level: int, code: object) -> str:
        """Return the text of one code, whose level is counted from 0."""
        return (
            self.each.replace("{code}", str(code)).replace("{number}", str(level))
            .replace("{level}", level_name(level))
        )  # fmt: skip

    def texts(self, codes: ItemCodes) -> pa.Array:
        """Return the text of each item number from 1; null for an item without codes."""
        return self.texts_of(codes, np.arange(1, len(codes.known)))

    def texts_of(self, codes: ItemCodes, numbers: NDArray[np.integer[Any]]) -> pa.Array:
        """Return the texts of some item numbers, (numbers,); null for an item without codes."""
        found = codes.table.of(numbers)
        parts = [texts.take(pa.array(found[:, level])) for level, texts in enumerate(self._levels(codes))]
        whole = pc.binary_join_element_wise(self.begin, *parts, self.end, "")
        return pc.if_else(pa.array(codes.known[numbers]), whole, pa.scalar(None, pa.string()))

    def _levels(self, codes: ItemCodes) -> list[pa.Array]:
        """Return the texts of the codes of each level."""
        return [pa.array([self.code(level, code) for code in range(size)]) for level, size in enumerate(codes.sizes)]

    def lists(self, codes: ItemCodes) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of each item with codes, and the texts of its codes."""
        texts = [[self.code(level, code) for code in range(size)] for level, size in enumerate(codes.sizes)]
        numbers = np.flatnonzero(codes.known)
        for begin in range(0, len(numbers), _ITEMS_AT_ONCE):
            some = numbers[begin : begin + _ITEMS_AT_ONCE]
            for number, row in zip(some.tolist(), codes.table.of(some).tolist(), strict=True):
                yield number, [texts[level][code] for level, code in enumerate(row)]

    def tokens(self, sizes: Sequence[int]) -> list[str]:
        """Return all tokens that items can have, those around the codes first."""
        around = [text for text in (self.begin, self.end) if text]
        return around + [self.code(level, code) for level, size in enumerate(sizes) for code in range(size)]


def sid_pattern(text: str) -> SidPattern:
    """Return the pattern of `--sid-format`: a known name, or the text of one code, such as `<{level}_{code}>`.

    Text around brackets is written once, before and after all codes: `<begin>[<{level}_{code}>]<end>`.

    Raises:
        UsageError: the pattern has no code, or different codes would be written alike, or it has a line break.
    """
    pattern = PATTERNS.get(text, text)
    match = _FORM.fullmatch(pattern)
    found = SidPattern(pattern) if match is None else SidPattern(match["each"], match["begin"], match["end"])
    if "{code}" not in found.each or not ("{level}" in found.each or "{number}" in found.each):
        raise UsageError(
            f"--sid-format is {text!r}; it must contain {{code}}, and {{level}} or {{number}}",
            tip=f"Known names are {', '.join(PATTERNS)}; {_EXAMPLE}",
        )
    if "{level}" not in found.each and not _LITERALS.search(found.each.replace("{code}", "").replace("{number}", "")):
        raise UsageError(
            f"--sid-format is {text!r}; it has digits only, so that codes of different items can give the same text",
            tip=f"Put another character between the codes; {_EXAMPLE}",
        )
    if pattern.splitlines() != [pattern]:
        raise UsageError(
            f"--sid-format is {text!r}; it must not contain line breaks, because new_tokens.txt has one token per line"
        )
    return found
