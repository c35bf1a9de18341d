"""Which column of a file is the user, the item, the time, the rating; and which are kept beside them."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from genpas_cli.errors import DataError
from genpas_cli.logs.aliases import ROLES, matches
from genpas_cli.logs.missing import is_missing, parse_null_values
from genpas_cli.logs.options import ReadingOptions
from genpas_cli.logs.times import is_iso

_LIKELY_EPOCH = 10**8


@dataclass(frozen=True)
class Column:
    """A column of a file."""

    name: str
    sql: str
    """Expression that reads it."""
    type: str
    """Its type in DuckDB; VARCHAR in text formats."""
    is_text: bool
    """Whether it comes from a text format, so that its values have no type of their own."""
    samples: tuple[str, ...] = ()
    """First values of a text column."""
    in_path: bool = False
    """Whether it stands in the file's path (`day=2024-01-01`) and not in the file."""
    is_nested: bool = False
    """Whether its values are lists or objects: of a typed column all, of JSON the first ones."""
    is_whole: bool = False
    """Whether it holds floating-point or decimal numbers that are all whole: known of ids."""
    is_half: bool = False
    """Whether it is a FLOAT of half precision in the file."""
    json: str | None = None
    """Expression that reads its values as JSON, where texts, numbers, lists and objects must be told apart."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a file are."""

    user: Column
    item: Column
    time: Column | None
    rating: Column | None
    keep: tuple[Column, ...]


@dataclass(frozen=True)
class Named:
    """The columns of a file as the user sees them."""

    file: str
    columns: tuple[Column, ...]
    has_names: bool
    """False for a text without a header."""
    delimiter: str | None = None
    """What its lines were cut at, for delimited text."""

    def find(self, wanted: str) -> Column | None:
        """Return the column of that name (its case counts only where it must), or at that position from 1."""
        exact = [c for c in self.columns if c.name == wanted]
        loose = [c for c in self.columns if c.name.lower() == wanted.lower()]
        if exact or len(loose) == 1:
            return (exact or loose)[0]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.columns):
            return self.columns[int(wanted) - 1]
        return None

    def spelled(self, column: Column) -> str:
        """Return what an option calls a column: its name, or its position where it has none."""
        return column.name if self.has_names else str(self.columns.index(column) + 1)

    def describe(self) -> str:
        """Return the columns, with a value of each where they have no names."""
        if self.has_names:
            nested = " (lists or objects)"
            return "the columns are: " + ", ".join(c.name + nested * c.is_nested for c in self.columns)
        shown = (f"{n}: {c.samples[0][:30]!r}" if c.samples else str(n) for n, c in enumerate(self.columns, 1))
        return "it has no header; its columns, each with a value, are: " + ", ".join(shown)


def find_roles(named: Named, options: ReadingOptions, *, rating: bool) -> Roles:
    """Tell the columns of a file apart, by the options or by known names.

    Args:
        named: the columns.
        options: `user`, `item`, `time`, `rating` and `keep` of it are used.
        rating: whether a rating is needed.

    Raises:
        DataError: a column is missing or ambiguous; the message lists the columns there are.
    """
    wanted = {"user": options.user, "item": options.item, "time": options.time}
    wanted |= {"rating": options.rating} if rating else {}
    given = {role: _given(named, role, name, options) for role, name in wanted.items() if name is not None}
    found: dict[str, Column | None] = dict(given)
    for role in wanted:
        if role not in found:
            found[role] = _by_name(named, role, found, options)
    user, item = found["user"], found["item"]
    assert user is not None  # only the time is optional
    assert item is not None
    if user.name == item.name:
        raise DataError(f"{named.file}: column {user.name!r} is asked for both as user and as item")
    keep = tuple(_given(named, "keep", name, options) for name in options.keep)
    return Roles(user, item, found["time"], found.get("rating"), keep)


def _given(named: Named, role: str, name: str, options: ReadingOptions) -> Column:
    column = named.find(name)
    if column is None:
        cut = f" (cut at {named.delimiter!r}; see --delimiter)" if named.delimiter else ""
        raise DataError(
            f"{named.file}: no column {name!r} (--{role}); {named.describe()}{cut}", tip=_corrected(named, options)
        )
    return column


def _corrected(named: Named, options: ReadingOptions) -> str:
    """Return the command with each name that is wrong replaced, and what was given rightly as it was."""
    asked = [(role, getattr(options, role)) for role in ROLES] + [("keep", name) for name in options.keep]
    names, taken = [], [column for _, name in asked if name is not None and (column := named.find(name))]
    for role, name in asked:
        if name is None:
            continue
        instead = name
        if named.find(name) is None:
            free = [c for c in named.columns if c not in taken and not c.is_nested]
            column = _nearest(free, role, name, has_names=named.has_names)
            taken += [column] if column else []
            instead = named.spelled(column) if column else "COLUMN"
        names.append((role, instead))
    return _example(names)


def _nearest(free: Sequence[Column], role: str, wrong: str, *, has_names: bool) -> Column | None:
    """Return the column that was probably meant: of a like name, else known in that role, else the first."""
    if not free or not has_names:
        return free[0] if free else None
    names = [column.name.lower() for column in free]
    if alike := difflib.get_close_matches(wrong.lower(), names, n=1):
        return free[names.index(alike[0])]
    known = matches(names, ROLES[role]) if role in ROLES else ()
    return free[known[0]] if known else free[0]


def _by_name(named: Named, role: str, found: dict[str, Column | None], options: ReadingOptions) -> Column | None:
    free = [c for c in named.columns if c not in found.values()] if named.has_names else []
    positions = matches([c.name for c in free], ROLES[role])
    if len(positions) == 1:
        return free[positions[0]]
    if positions:
        several = " or ".join(free[p].name for p in positions)
        tip = _example_of(named, {**found, role: free[positions[0]]}, options, decided=role)
        raise DataError(f"{named.file}: the {role} may be {several}; {named.describe()}", tip=tip)
    if role == "time":
        return None
    tip = _example_of(named, found, options, decided=role)
    raise DataError(f"{named.file}: which column is the {role}? {named.describe()}", tip=tip)


def _example_of(named: Named, found: dict[str, Column | None], options: ReadingOptions, *, decided: str) -> str:
    """Return options that would work, to be corrected where the guess is wrong."""
    columns = named.columns
    guess = {role: column for role, column in found.items() if column is not None}
    for role in ("user", "item", "time"):
        if role not in guess and named.has_names:
            flat = [c for c in columns if not c.is_nested]
            positions = matches([c.name for c in flat], ROLES[role])
            guess |= {role: flat[positions[0]]} if positions else {}
    left = [c for c in columns if c not in guess.values() and not c.is_nested]
    markers = parse_null_values(options.null_values)
    if "time" not in guess and (times := [c for c in left if _is_like_time(c, markers)]) and len(left) > 1:
        guess["time"] = times[0]
    left = [c for c in left if c not in guess.values()]
    for role in ("user", "item", *(("rating",) if decided == "rating" else ())):
        if role not in guess and left:
            guess[role] = left.pop(0)
    if not {"user", "item"} <= guess.keys():
        return "No other column can be one; write the log with one row for each interaction first."
    names = [(role, named.spelled(guess[role])) for role in ROLES if role in guess]
    names += [("rating", "COLUMN")] if decided == "rating" and "rating" not in guess else []
    return _example([*names, *(("keep", name) for name in options.keep)])


def _example(names: Sequence[tuple[str, str]]) -> str:
    flags = " ".join(f"--{role} {shlex.quote(name)}" for role, name in names)
    return f"Say which, for example: {flags}"


def _is_like_time(column: Column, markers: Sequence[str]) -> bool:
    values = [value for value in column.samples if not is_missing(value, markers)]
    if not values:
        return column.type.startswith(("TIMESTAMP", "DATE"))
    return all(is_iso(v) or (v.isdecimal() and int(v) >= _LIKELY_EPOCH) for v in values)
