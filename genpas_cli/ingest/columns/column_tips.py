"""Tips about columns for messages: options that would work, and columns whose values look like times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpas_cli.ingest.columns.aliases import ROLES, TIME, matches
from genpas_cli.ingest.columns.element_view import element_view
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.times.formats import likely_formats, resolution

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import Column, Named, Roles, Values
    from genpas_cli.ingest.options import ReadingOptions

_SMALL = re.compile(r"\d{1,3}([.]\d*)?")
_NO_RATINGS = "Name the column of ratings: --rating COLUMN. If the log has no ratings, remove --min-rating."
_UNLIKELY = {
    "rating": _NO_RATINGS,
    "keep": "Add this column to the log, or name another one: --keep COLUMN",
}
"""Role → the tip where no column of the file is likely to be it."""
_SCALE, _FEW = 11, 30
"""Maximum distinct values of a rating scale, and number of values above which a scale is distinguishable from ids."""

Option = tuple[str, str]
"""Name and value of an option."""


def corrected(named: Named, options: ReadingOptions, values: Values) -> str:
    """Return a tip with the given column options, each column that the file lacks replaced by the likely one.

    Args:
        named: the columns of a file.
        options: the options as given.
        values: returns the first values of a column.
    """
    kept = [name for given in options.keep for name in _apart(named, given)]
    asked = [(role, getattr(options, role)) for role in ROLES] + [("keep", name) for name in kept]
    asked = [(role, name) for role, name in asked if name is not None]
    if named.elements is not None and options.item is not None and named.find(options.item) is None:
        return example_of(named, {}, options, values, decided="item")
    taken = [column for _, name in asked if (column := named.find(name))]
    told: list[Option] = []
    corrections = 0
    for role, name in asked:
        if named.find(name) is not None:
            told.append((role, name))
            continue
        column = _nearest(named, [c for c in named.columns if c not in taken and not c.is_nested], role, name, values)
        if column is None and (role == "rating" or (role == "keep" and not corrections)):
            return _UNLIKELY[role]
        corrections += 1
        if column is not None:
            taken.append(column)
            told += _named(named, role, column, options, values)
    return _example(told)


def _apart(named: Named, given: str) -> list[str]:
    """Return the columns that a value of --keep names: several if it is a list with commas, which is no column."""
    names = [name.strip() for name in given.split(",")]
    return names if named.find(given) is None and all(named.find(name) for name in names) else [given]


def _nearest(named: Named, free: Sequence[Column], role: str, wrong: str, values: Values) -> Column | None:
    """Return the likely column: with a similar name, else a known name of the role, else by its values."""
    if named.has_names:
        names = [column.name.lower() for column in free]
        if alike := nearest(wrong.lower(), names):
            return free[names.index(alike)]
        if known := matches(names, ROLES[role]) if role in ROLES else ():
            return free[known[0]]
    # The values of a column do not show what a user wants to keep.
    return None if role == "keep" and named.has_names else _by_values(named, free, role, values)


def example_of(
    named: Named, found: dict[str, Column | None], options: ReadingOptions, values: Values, *, decided: str
) -> str:
    """Return a tip with guessed column options that would work; the user corrects wrong guesses.

    Args:
        named: the columns of a file.
        found: role → its column, for the roles found so far.
        options: the options as given.
        values: returns the first values of a column.
        decided: the role whose column is unclear.
    """
    guess = {role: column for role, column in found.items() if column is not None}
    if (view := element_view(named, guess, values)) is not None:
        named, guess, more = view
    else:
        more = ()
    flat = [column for column in named.columns if not column.is_nested]
    for role in ("user", "item", "time"):
        if role not in guess and named.has_names:
            known = matches([c.known_as for c in flat], ROLES[role])
            guess |= {role: flat[known[0]]} if known else {}
    wanted = [role for role in ("user", "item", *(("rating",) if decided == "rating" else ())) if role not in guess]
    left = [c for c in flat if c not in guess.values()]
    for role in (*(("time",) if "time" not in guess and len(left) > len(wanted) else ()), *wanted):
        left = [c for c in left if c not in guess.values()]
        if (column := _by_values(named, left, role, values)) is not None:
            guess[role] = column
    if not {"user", "item"} <= guess.keys():
        return "No column can be used as user and item: convert the log to one row per interaction first."
    told = [option for role in ROLES if role in guess for option in _named(named, role, guess[role], options, values)]
    if decided == "rating" and "rating" not in guess:
        return _NO_RATINGS
    return _example([*told, *(("keep", name) for name in options.keep), *more])


def _by_values(named: Named, free: Sequence[Column], role: str, values: Values) -> Column | None:
    """Return the column whose values look like the role; ids look like neither times nor ratings.

    No other column is a rating: a filter by numbers of another kind would drop rows without an error. But the only
    column that is left is one if its numbers are small, however few they are.
    """
    times = [c for c in free if _time_options(named, c, values)]
    ratings = [c for c in free if c not in times and _looks_like_rating(values(c), is_only=len(free) == 1)]
    others = [c for c in free if c not in times and c not in ratings]
    if role == "time":
        return times[-1] if times else None
    order = ratings if role == "rating" else [*others, *ratings, *times]
    return order[0] if order else None


def _named(named: Named, role: str, column: Column, options: ReadingOptions, values: Values) -> list[Option]:
    """Return the options that name a column, with --time-format for times that need it."""
    if role == "time" and options.time_format is None and (told := _time_options(named, column, values)):
        return told
    return [(role, named.spelled(column))]


def _example(options: Sequence[Option]) -> str:
    return f"Name the columns, for example: {_flags(options)}"


def _flags(options: Sequence[Option]) -> str:
    return " ".join(f"--{name} {shell_word(value)}" for name, value in options)


def _looks_like_rating(values: Sequence[str], *, is_only: bool) -> bool:
    """Tell whether all values are small numbers, with fractions or few of them distinct, or in the only column."""
    if not values or not all(_SMALL.fullmatch(value.strip()) for value in values):
        return False
    return is_only or any("." in value for value in values) or (len(values) > _FEW and len(set(values)) <= _SCALE)


def _time_options(named: Named, column: Column, values: Values) -> list[Option]:
    """Return the options that read a column as the time; empty if its values do not look like times."""
    found = values(column)
    name = ("time", named.spelled(column))
    if resolution(found) is not None:
        return [name]
    formats = likely_formats(found)
    return [name, ("time-format", formats[0])] if formats else []


def time_note(named: Named, roles: Roles, values: Values) -> str | None:
    """Return a note about the choice of the time column; None if no other column could be it.

    Args:
        named: the columns of a file.
        roles: the roles of the columns.
        values: returns the first values of a column.
    """
    taken = (roles.user, roles.item, roles.time, roles.rating, *roles.keep)
    columns = [column for column in named.columns if column not in taken and not column.is_nested]
    if roles.time is not None:
        by_name = [column for column in columns if named.has_names or column.in_path]
        others = [by_name[n].name for tier in TIME for n in matches([c.known_as for c in by_name], (tier,))]
        return (
            (
                f"timestamps are read from column {roles.time.name}, not from {' or '.join(others)}; --time COLUMN "
                "chooses another one"
            )
            if others
            else None
        )
    ordered = "no timestamp column was detected, so the interactions of a user are kept in file order"
    likely = [(named.spelled(column), told) for column in columns if (told := _time_options(named, column, values))]
    if not likely:
        return f"{ordered}; to name a timestamp column: --time COLUMN"
    look = "looks like a timestamp column" if len(likely) == 1 else "look like timestamp columns"
    names = " and ".join(f"column {name}" for name, _ in likely)
    return f"{ordered}; {names} {look}: {' or '.join(_flags(told) for _, told in likely)}"
