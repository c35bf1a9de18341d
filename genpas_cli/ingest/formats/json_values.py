"""Reads JSON that is not one object per line (an array, or objects over several lines) value by value.

Memory is bounded. The values are copied to JSON Lines for DuckDB; if one is malformed, the original is read once more
to find its line.
"""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from genpas_cli.ingest.files.integrity import unreadable
from genpas_cli.ingest.files.source_files import Compression, SourceFile, open_bytes
from genpas_cli.ingest.formats.records import not_text
from genpas_cli.runtime.errors import DataError

_CHUNK = 1 << 18
LARGEST_VALUE = 1 << 24
"""Maximum characters of a value that DuckDB reads."""
_BLANKS = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)
FIRST_LINES = 1000
"""Number of first lines whose keys are taken for the columns."""
_MALFORMED = "{"
"""Replaces a malformed value in the copy, so that DuckDB refuses the copy too."""
_DECODER = json.JSONDecoder()


class Value(NamedTuple):
    """A value of an array, or one of several concatenated values."""

    line: int
    """1-based line of the file on which the value begins."""
    text: str
    """The value as written in the file."""
    is_valid: bool


def is_array(text: str, *, certain: bool) -> bool:
    """Tell whether a text begins with an array, of objects or arrays unless `certain`.

    Args:
        text: the first characters of a file.
        certain: whether the file's name or `--format` says JSON; otherwise `[user],[item]` may be a CSV header.
    """
    return re.match(r"\s*\[" if certain else r"\s*\[\s*([{\]]|$)", text) is not None


def is_spread(text: str) -> bool:
    """Tell whether a text begins with an object that does not end on its first line."""
    start = _BLANKS.match(text)
    at = start.end() if start else 0
    try:
        _, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[at:end]


def is_python(text: str) -> bool:
    """Tell whether a text is one or more Python dicts, such as `{'user': 'u1', 'time': None}`, and not JSON."""
    text = text.strip()
    try:
        _DECODER.raw_decode(text)
    except RecursionError:
        return False
    except ValueError:
        try:
            return isinstance(ast.literal_eval(text), dict | tuple)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return False
    return False


def read_values(path: Path, compression: Compression, name: str) -> Iterator[Value]:
    """Yield the values of a JSON array, or concatenated JSON values, including malformed ones.

    Raises:
        DataError: the array is not closed, or is followed by more text.
    """
    bytes_ = open_bytes(path, compression)
    with io.TextIOWrapper(bytes_, "utf-8-sig", errors="surrogateescape", newline="") as stream:
        yield from _Reader(stream, name).values()


class _Reader:
    """Reads JSON values from a stream, keeping only the unread text of the current value in memory."""

    def __init__(self, stream: io.TextIOWrapper, name: str) -> None:
        self._stream, self._name = stream, name
        self._text, self._at, self._line, self._is_whole = "", 0, 1, False

    def values(self) -> Iterator[Value]:
        is_array = self._peek() == "["
        begin = self._line
        if is_array:
            self._forward(self._at + 1)
        first = True
        while True:
            following = self._peek()
            if is_array and following == "]" and first:
                self._forward(self._at + 1)
                break
            if not following:
                if is_array:
                    raise self._not_closed(begin)
                return
            line, (end, is_last, is_valid) = self._line, self._end(begin, is_array=is_array)
            yield Value(line, self._text[self._at : end].rstrip(), is_valid)
            self._forward(end + is_array)
            first = False
            if is_last:
                break
        if self._peek():
            raise DataError(
                f"{self._name}, line {self._line}: there is other data after the end of the JSON array: "
                f"{self._text[self._at : self._at + 40]!r}",
                tip="A JSON file must contain one array of objects, or one object per line.",
            )

    def _end(self, begin: int, *, is_array: bool) -> tuple[int, bool, bool]:
        """Return the end of the value at the current position, whether the array ends after it, whether it is valid."""
        while True:
            try:
                end = _DECODER.raw_decode(self._text, self._at)[1]
            except (ValueError, RecursionError):
                if not self._is_whole and len(self._text) - self._at < _CHUNK:
                    self._more()
                    continue
                end, is_last = self._lexical_end(begin, is_array=is_array)
                return end, is_last, _is_json(self._text[self._at : end])
            match = _BLANKS.match(self._text, end)
            after = match.end() if match else end
            if after == len(self._text) and not self._is_whole:
                self._more()
                continue
            if not is_array:
                return end, False, True
            if self._text[after : after + 1] in (",", "]") and after < len(self._text):
                return after, self._text[after] == "]", True
            return (*self._lexical_end(begin, is_array=is_array), False)

    def _lexical_end(self, begin: int, *, is_array: bool) -> tuple[int, bool]:
        """Return the end of a malformed or very long value, by its brackets and quotes, and whether the array ends."""
        while True:
            depth = 0
            for token in _TOKEN.finditer(self._text, self._at):
                mark = token[0]
                if mark == '"':
                    break  # the string is not closed in the text read so far
                if depth == 0 and is_array and mark in (",", "]"):
                    return token.start(), mark == "]"
                depth += (mark in "[{") - (mark in "]}")
                if depth == 0 and not is_array and mark in "]}":
                    return token.end(), False
            if self._is_whole and not is_array:
                return len(self._text), False
            if self._is_whole or len(self._text) - self._at > LARGEST_VALUE:
                raise self._not_closed(begin)
            self._more()

    def _not_closed(self, begin: int) -> DataError:
        what = "the file ends" if self._is_whole else f"a value is longer than {LARGEST_VALUE:,} characters"
        return DataError(
            f"{self._name}, line {self._line}: {what} inside the JSON array that starts on line {begin}; the last "
            f"value starts with {self._text[self._at : self._at + 60]!r}",
            tip="The file is truncated, or a bracket or a quote is missing.",
        )

    def _peek(self) -> str:
        """Move to the next character that is not whitespace and return it; empty at the end of the file."""
        while True:
            match = _BLANKS.match(self._text, self._at)
            self._forward(match.end() if match else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_whole:
                return ""
            self._more()

    def _forward(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self) -> None:
        """Drop consumed text and read at least as much as is left, so that long values take linear time."""
        self._text = self._text[self._at :]
        self._at = 0
        more = self._stream.read(max(_CHUNK, len(self._text)))
        self._is_whole = not more
        self._text += more


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def written_as_lines(source: SourceFile, compression: Compression, copy: Path) -> tuple[str, ...]:
    """Write the values of a file to `copy` as JSON Lines and return the first `FIRST_LINES` lines.

    Raises:
        DataError: see `read_values`; or the file has no value, or cannot be read.
    """
    first = list[str]()
    try:
        with copy.open("w", encoding="utf-8", newline="") as lines:
            for value in read_values(source.path, compression, source.name):
                # Strings of valid JSON hold no line ends, so all line ends are between tokens.
                is_valid = value.is_valid and not_text(value.text) is None
                line = re.sub(r"[\r\n]+", " ", value.text) if is_valid else _MALFORMED
                lines.write(line + "\n")
                if len(first) < FIRST_LINES:
                    first.append(line)
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error
    if not first:
        raise DataError(f"{source.name}: the file contains no rows, only an empty JSON array")
    return tuple(first)
