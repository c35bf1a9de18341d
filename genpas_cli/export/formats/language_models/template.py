"""The template of a record: its texts with placeholders, from a TOML file or built in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genpas_cli.export.item_data import SID
from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest

HISTORY, TARGET = "history", "target"
HISTORY_TITLES, TARGET_TITLE = "history_titles", "target_title"
USER, TIME = "user", "time"
NAMED = (HISTORY, TARGET, HISTORY_TITLES, TARGET_TITLE, USER, TIME)
"""Placeholders with a meaning of their own; `history_NAME` and `target_NAME` are any other column."""

PARTS = ("system", "instruction", "user", "assistant")
"""Keys whose texts have placeholders."""

KEYS = (*PARTS, "separator", "missing", "time")
_NEEDED = ("user", "assistant")
_TOKEN = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<name>[^{}]*)\}|(?P<single>[{}])")
_EXAMPLE = """The smallest template: user = "{history}" and, in a line of its own, assistant = "{target}"."""


@dataclass(frozen=True)
class Placeholder:
    """A place in a text for values of the pair."""

    name: str

    @property
    def column(self) -> str | None:
        """The NAME of `history_NAME` and `target_NAME`; None for a placeholder with a meaning of its own."""
        return None if self.name in NAMED else self.name.partition("_")[2]


Text = tuple[str | Placeholder, ...]
"""A text: literal parts and placeholders, in order."""


@dataclass(frozen=True)
class Template:
    """The texts of a record."""

    texts: Mapping[str, Text]
    """Part → its text; parts without a text are left out."""
    separator: str = ", "
    """Text between two items of the history."""
    missing: str | None = None
    """Text of a missing value; None if a missing value is an error."""
    time: str | None = None
    """The kept column of `{time}`; None for the only one with a name or type of times."""

    def text(self, part: str) -> Text:
        """Return the text of a part; empty if the template does not have it."""
        return self.texts.get(part, ())

    def lines(self, *parts: str) -> Text:
        """Return the texts of these parts, each in a line of its own, without parts that the template lacks."""
        found: list[str | Placeholder] = []
        for text in filter(None, map(self.text, parts)):
            found += ["\n", *text] if found else text
        return tuple(found)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All placeholders, each once."""
        every = (token for text in self.texts.values() for token in text if isinstance(token, Placeholder))
        return tuple(dict.fromkeys(every))

    @property
    def uses_titles(self) -> bool:
        """Whether a text contains titles."""
        return any(each.name in (HISTORY_TITLES, TARGET_TITLE) for each in self.placeholders)

    def columns(self, options: ExportOptions) -> tuple[str, ...]:
        """Return the names of other columns of items or of the log that the texts contain."""
        own = SID if options.semantic_ids is not None else None
        columns = [each.column for each in self.placeholders]
        return tuple(dict.fromkeys(name for name in columns if name is not None and name != own))


def template_for(options: ExportOptions, known: Callable[[], Sequence[str]]) -> Template:
    """Return the template of `--template`, else a built-in one: of codes, else of titles if there are any, else of ids.

    Args:
        options: all options of the export.
        known: returns the columns of item information that the pairs directory has.

    Raises:
        UsageError: the file cannot be read, or is not a template.
    """
    if options.template is not None:
        return read_template(Path(options.template))
    asks_for_titles = options.item_info is not None or options.title != ExportOptions.title
    if options.semantic_ids is None and (asks_for_titles or options.title in known()):
        return _BY_TITLE
    return BY_ITEM


def read_template(path: Path) -> Template:
    """Read a template.

    Raises:
        UsageError: the file cannot be read, or is not a template.
    """
    if not path.is_file():
        raise UsageError(f"--template {path}: {'it is not a file' if path.exists() else 'no such file'}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--template {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--template {path} is not a text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--template {path} is not TOML: {error}", tip=_EXAMPLE) from error
    for key, value in content.items():
        if key not in KEYS:
            near = nearest(key, KEYS)
            raise UsageError(
                f"--template {path}: unknown key {key!r}; the keys are {', '.join(KEYS)}",
                tip=f"Did you mean {near!r}?" if near else None,
            )
        if not isinstance(value, str):
            raise UsageError(f"--template {path}: {key} is {value!r}; it must be a string in quotes")
    if lacking := [key for key in _NEEDED if key not in content]:
        raise UsageError(f"--template {path} has no key {lacking[0]!r}", tip=_EXAMPLE)
    texts = {part: _parsed(content[part], f"--template {path}: {part}") for part in PARTS if part in content}
    return Template(texts, content.get("separator", Template.separator), content.get("missing"), content.get("time"))


def _parsed(text: str, where: str) -> Text:
    """Return the literal parts and placeholders of a text.

    Raises:
        UsageError: a placeholder is unknown, or a brace stands alone; `where` begins the message.
    """
    found: list[str | Placeholder] = []
    literal, at = "", 0
    for match in _TOKEN.finditer(text):
        literal += text[at : match.start()]
        at = match.end()
        if match["single"]:
            raise UsageError(
                f"{where} has a single {match['single']} at character {match.start() + 1}",
                tip="Write {{ and }} for braces of the text.",
            )
        if match["brace"]:
            literal += match["brace"][0]
            continue
        found += [*([literal] if literal else []), Placeholder(_known(match["name"], where))]
        literal = ""
    literal += text[at:]
    return (*found, *([literal] if literal else []))


def _known(name: str, where: str) -> str:
    before, _, after = name.partition("_")
    if name in NAMED or (before in (HISTORY, TARGET) and after):
        return name
    near = nearest(name, NAMED)
    known = ", ".join(f"{{{each}}}" for each in NAMED)
    raise UsageError(
        f"{where} has the unknown placeholder {{{name}}}; placeholders are {known}, and {{history_NAME}} and "
        "{target_NAME} for a column NAME",
        tip=f"Did you mean {{{near}}}?" if near else "Write {{ and }} for braces of the text.",
    )


def _built_in(history: str, target: str, separator: str) -> Template:
    texts: dict[str, Text] = {
        "instruction": ("A user interacted with these items, oldest first. Predict the next item.",),
        "user": (Placeholder(history),),
        "assistant": (Placeholder(target),),
    }
    return Template(texts, separator)


BY_ITEM = _built_in(HISTORY, TARGET, ", ")
_BY_TITLE = _built_in(HISTORY_TITLES, TARGET_TITLE, "\n")
