"""Which column of a file is the user, the item, the time, the rating; and which are kept beside them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from genpas_cli.errors import DataError
from genpas_cli.logs.aliases import ROLES, matches
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

    def find(self, wanted: str) -> Column | None:
        """Return the column of that name (its case counts only where it must), or at that position from 1."""
        exact = [c for c in self.columns if c.name == wanted]
        loose = [c for c in self.columns if c.name.lower() == wanted.lower()]
        if exact or len(loose) == 1:
            return (exact or loose)[0]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.columns):
            return self.columns[int(wanted) - 1]
        return None

    def describe(self) -> str:
        """Return the columns, with a value of each where they have no names."""
        if self.has_names:
            return "the columns are: " + ", ".join(c.name for c in self.columns)
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
    given = {role: _given(named, role, name) for role, name in wanted.items() if name is not None}
    found: dict[str, Column | None] = dict(given)
    for role in wanted:
        if role not in found:
            taken = [column for column in found.values() if column is not None]
            found[role] = _by_name(named, role, taken, found, optional=role == "time")
    user, item = found["user"], found["item"]
    assert user is not None  # only the time is optional
    assert item is not None
    if user.name == item.name:
        raise DataError(f"{named.file}: column {user.name!r} is asked for both as user and as item")
    keep = tuple(_given(named, "keep", name) for name in options.keep)
    return Roles(user, item, found["time"], found.get("rating"), keep)


def _given(named: Named, role: str, name: str) -> Column:
    column = named.find(name)
    if column is None:
        raise DataError(f"{named.file}: no column {name!r} (--{role}); {named.describe()}", tip=_command(named, {}))
    return column


def _by_name(
    named: Named, role: str, taken: Sequence[Column], found: dict[str, Column | None], *, optional: bool
) -> Column | None:
    free = [c for c in named.columns if c not in taken] if named.has_names else []
    positions = matches([c.name for c in free], ROLES[role])
    if len(positions) == 1:
        return free[positions[0]]
    if positions:
        several = " or ".join(free[p].name for p in positions)
        guess = {**found, role: free[positions[0]]}
        raise DataError(
            f"{named.file}: the {role} may be {several}; {named.describe()}", tip=_command(named, guess, decided=role)
        )
    if optional:
        return None
    raise DataError(
        f"{named.file}: which column is the {role}? {named.describe()}", tip=_command(named, found, decided=role)
    )


def _command(named: Named, found: dict[str, Column | None], *, decided: str = "") -> str:
    """Return a command that would work, to be corrected where the guess is wrong."""
    columns, left = named.columns, list(named.columns)
    guess = {role: column for role, column in found.items() if column is not None}
    for role in ("user", "item", "time"):
        if role not in guess and named.has_names:
            positions = matches([c.name for c in columns], ROLES[role])
            guess |= {role: columns[positions[0]]} if positions else {}
    left = [c for c in columns if c not in guess.values()]
    if "time" not in guess and (times := [c for c in left if _is_like_time(c)]) and len(left) > 1:
        guess["time"] = times[0]
    left = [c for c in columns if c not in guess.values()]
    for role in ("user", "item"):
        if role not in guess and left:
            guess[role] = left.pop(0)
    rating = ("rating",) if decided == "rating" or "rating" in guess else ()
    if rating and "rating" not in guess and left:
        guess["rating"] = left[0]
    flags = []
    for role in ("user", "item", "time", *rating):
        if role in guess:
            column = guess[role]
            flags.append(f"--{role} {shlex.quote(column.name) if named.has_names else columns.index(column) + 1}")
    return f"Say which, for example: genpas augment {shlex.quote(named.file)} {' '.join(flags)}"


def _is_like_time(column: Column) -> bool:
    values = column.samples
    if not values:
        return column.type.startswith(("TIMESTAMP", "DATE"))
    return all(is_iso(v) or (v.isdecimal() and int(v) >= _LIKELY_EPOCH) for v in values)
