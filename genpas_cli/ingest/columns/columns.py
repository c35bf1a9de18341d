"""Finds the user, item, time, rating and kept columns of a file."""

from __future__ import annotations

from collections.abc import Sequence

from genpas_cli.ingest.columns.aliases import ROLES, TIME, matches
from genpas_cli.ingest.columns.column_tips import corrected, example_of
from genpas_cli.ingest.columns.roles import Column, Named, Roles, Values
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.times.formats import DAY, likely_formats, resolution


def _samples(column: Column) -> Sequence[str]:
    return column.samples


def find_roles(named: Named, options: ReadingOptions, *, rating: bool, values: Values = _samples) -> Roles:
    """Find the roles of a file's columns, by the options or by known names.

    Args:
        named: the columns.
        options: of these, `user`, `item`, `time`, `rating` and `keep` are used.
        rating: whether a rating is needed.
        values: returns the first values of a column; called if names alone do not decide.

    Raises:
        DataError: a column is missing or ambiguous; the message lists the columns of the file.
    """
    wanted = {"user": options.user, "item": options.item, "time": options.time}
    wanted |= {"rating": options.rating} if rating else {}
    given = {role: _given(named, role, name, options, values) for role, name in wanted.items() if name is not None}
    found: dict[str, Column | None] = dict(given)
    for role in wanted:
        if role not in found:
            found[role] = _by_name(named, role, found, options, values)
    user, item = found["user"], found["item"]
    assert user is not None  # only the time is optional
    assert item is not None
    if user.name == item.name:
        raise DataError(f"{named.file}: column {user.name!r} is named both as user and as item")
    keep = tuple(_given(named, "keep", name, options, values) for name in options.keep)
    return Roles(user, item, found["time"], found.get("rating"), keep)


def _given(named: Named, role: str, name: str, options: ReadingOptions, values: Values) -> Column:
    column = named.find(name)
    if column is None:
        cut = f" (columns separated by {named.delimiter!r}; see --delimiter)" if named.delimiter else ""
        raise DataError(
            f"{named.file}: no column {name!r} (--{role}); {named.describe()}{cut}",
            tip=corrected(named, options, values),
        )
    return column


def _by_name(
    named: Named, role: str, found: dict[str, Column | None], options: ReadingOptions, values: Values
) -> Column | None:
    # Without a header, only the columns in the path have names.
    free = [c for c in named.columns if c not in found.values() and (named.has_names or c.in_path)]
    if role == "time":
        free = [c for c in free if not c.in_path or _may_be_time(c)]
    if role == "time" and (finest := _finest(free, values)) is not None:
        return finest
    positions = matches([c.known_as for c in free], ROLES[role])
    if len(positions) == 1:
        return free[positions[0]]
    if positions:
        several = " or ".join(free[p].name for p in positions)
        tip = example_of(named, {**found, role: free[positions[0]]}, options, values, decided=role)
        raise DataError(
            f"{named.file}: several columns can be the {role} column: {several}; {named.describe()}", tip=tip
        )
    if role == "time":
        return None
    taken = {owner: column for owner, column in found.items() if column is not None}
    if meant := matches([column.known_as for column in taken.values()], ROLES[role]):
        owner, column = list(taken.items())[meant[0]]
        others = {**found, owner: None}
        raise DataError(
            f"{named.file}: column {column.name!r} is named as the {owner} column (--{owner}), but looks like the "
            f"{role} column; {named.describe()}",
            tip=example_of(named, others, options, values, decided=role),
        )
    tip = example_of(named, found, options, values, decided=role)
    raise DataError(f"{named.file}: the {role} column was not detected; {named.describe()}", tip=tip)


def _may_be_time(column: Column) -> bool:
    """Tell whether a column in the path may hold times: the directory `time=final` does not."""
    present = [value for value in column.samples if value]
    return not present or resolution(present) is not None or bool(likely_formats(present))


def _finest(free: Sequence[Column], values: Values) -> Column | None:
    """Return the time column with the finest resolution among columns of known names; None if names alone decide.

    A timestamp wins over a date, milliseconds over seconds. Columns of instants are compared only within a tier:
    `timestamp` wins over `created_at`, whatever their resolutions.
    """
    names = [column.known_as for column in free]
    tiers = [[free[n] for n in matches(names, (tier,))] for tier in TIME]
    first = next((tier for tier in tiers if tier), [])
    if sum(map(len, tiers)) <= 1 or (len(first) == 1 and resolution(values(first[0])) != DAY):
        return first[0] if len(first) == 1 else None
    for tier in tiers:
        ranks = [resolution(values(column)) for column in tier]
        if None in ranks and len(tier) > 1:
            return None  # `date` and `time` of day are each half of the time
        if (best := max((rank or DAY for rank in ranks), default=DAY)) > DAY:
            return tier[ranks.index(best)] if ranks.count(best) == 1 else None
    return None
