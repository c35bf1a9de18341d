"""Codes in the lines that a generative model writes: plain numbers, or tokens with the name or number of each level."""

from __future__ import annotations

import re
from collections.abc import Sequence

from genpas_cli.pairs.codes.texts import level_name, name_before

_NUMBER = re.compile(r"(?<![^\s,\[(])-\d+|\d+")  # a minus that begins a number; that of a_-3 or L0-3 separates
_MOST_DIGITS = 18  # of an int64
_SPECIAL_TOKEN = re.compile(r"<[^<>\d]*>|\[[^\[\]\d]*\]")
"""`</s>`, `<|sid_begin|>`, `[SEP]`: a token without a number."""
_LONGEST_NAME = 256
"""Characters before a number in which the name of its level is looked for: a line can be a long answer."""
_SPACE = re.compile(r"\s")
_BETWEEN = re.compile(r"[\s,;:|/_<>()\[\]{}\"'-]*")
"""Text around plain numbers. A point is not among its characters: 2.3 is one number, and no code."""
_JOINED_BEFORE = re.compile(r"([A-Za-z]*)[_:|-]*$")
"""The end of a text before a number: a word that nothing but a join separates from the number."""
_JOINED_AFTER = re.compile(r"[_:|-]*([A-Za-z]*)")
"""The begin of a text after a number: a word that nothing but a join separates from the number."""
_BEFORE_LEVEL = re.compile(r"[^A-Za-z]*?([A-Za-z]*)[_:|-]*")
_TOKEN_BEFORE = re.compile(r"[^\s<>]*$")
"""The begin of a token, up to its number."""


class LineCodes:
    """Reads the codes of one item in a line of text.

    Args:
        levels: number of codes of an item.
        names: the names of the levels in the file of codes; empty if it has none. Then they are a, b, c, ...
    """

    def __init__(self, levels: int, names: Sequence[str] = ()) -> None:
        self._levels = levels
        self._names = tuple(names) or tuple(map(level_name, range(levels)))
        self._numbered = [list(range(first, first + levels)) for first in (0, 1)]

    def of(self, line: str) -> list[int] | None:
        """Return the codes in a line, one per level; None if the line has not exactly the codes of one item.

        A line has one of these forms. A code that is negative or too large for an int64 is -1.

        - Numbers, and between them white space, commas or other separators: `3 17 255 0`, `[3, 17, 255, 0]`.
        - Each number has the name of its level, in the order of the levels: `<a_3><b_17>`, `<s_a_3><s_b_17>`, `3a17b`.
          Other text may be around them.
        - The number of the level, from 0 or from 1, is in front of each code: `<0_3><1_17>`, `L1_3 L2_17`. Other text
          may be before the first and after the last of them.

        Tokens without a number, such as `</s>`, are ignored.
        """
        text = _SPECIAL_TOKEN.sub(" ", line)
        texts = _NUMBER.findall(text)
        if len(texts) not in (self._levels, 2 * self._levels):
            return None
        numbers = [int(number) if len(number) <= _MOST_DIGITS else -1 for number in texts]
        gaps = _NUMBER.split(text)
        if len(numbers) == self._levels:
            return numbers if _BETWEEN.fullmatch("".join(gaps)) or self._are_named(gaps) else None
        return numbers[1::2] if numbers[::2] in self._numbered and _have_levels(gaps) else None

    def _are_named(self, gaps: list[str]) -> bool:
        """Tell whether the texts around the numbers have the names of the levels, all before or all after a number."""
        ends = [gap[-_LONGEST_NAME:] for gap in gaps[:-1]]
        return (
            self._are_names([name_before(end) for end in ends])
            or self._are_names([found[0] for end in ends if (found := _TOKEN_BEFORE.search(end))])
            or self._are_names([found[1] for gap in gaps[1:] if (found := _JOINED_AFTER.match(gap))])
        )

    def _are_names(self, words: list[str]) -> bool:
        """Tell whether the words are the names of the levels, or these within the same text, as in tok_a_, tok_b_."""
        if words == list(self._names):
            return True
        words, names = [word.lower() for word in words], [name.lower() for name in self._names]
        if self._levels == 1:
            return words == names
        ends = [(words[0][:at], words[0][at + len(names[0]) :]) for at in _places(names[0], words[0])]
        return any(words == [f"{begin}{name}{end}" for name in names] for begin, end in ends)


def _places(name: str, word: str) -> list[int]:
    return [at for at in range(len(word)) if word.startswith(name, at)]


def _have_levels(gaps: list[str]) -> bool:
    """Tell whether level and code alternate between these texts.

    The same text is between each level and its code, and the same word, or none, is joined to each level.
    """
    inner, outer = set(gaps[1::2]), set(gaps[2:-1:2])
    if len(inner) > 1 or any(len(gap) > _LONGEST_NAME for gap in outer):
        return False
    words = {found and found[1] for gap in outer for found in [_BEFORE_LEVEL.fullmatch(gap)]}
    first = _JOINED_BEFORE.search(gaps[0][-_LONGEST_NAME:])
    return words <= {first and first[1]} and all(_BETWEEN.fullmatch(gap) or not _SPACE.search(gap) for gap in inner)
