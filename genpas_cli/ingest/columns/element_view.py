"""The columns of a log as they would be if its lists were read as rows, for messages that show how to read them so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from genpas_cli.ingest.columns.aliases import ROLES, matches, names_items
from genpas_cli.runtime.times.formats import resolution

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import Column, Named, Values


class View(NamedTuple):
    """The columns with lists read as rows, and the roles that are then certain."""

    named: Named
    guess: dict[str, Column]
    """`item`, an element of a list, and the roles of columns that are no lists."""
    options: tuple[tuple[str, str], ...]
    """Name and value of further options that are needed."""


def element_view(named: Named, found: Mapping[str, Column], values: Values) -> View | None:
    """Return the columns with the lists read as rows, if a list is a likely column of items; else None.

    Args:
        named: the columns of a file.
        found: role → its column, for the roles found so far.
        values: returns the first values of a column.
    """
    if named.elements is not None:
        columns, options = named.elements.columns, named.elements.options
    else:
        columns, options = named.columns, ()
    item = found.get("item")
    elements = [c for c in columns if c.of_list is not None and not c.is_nested]
    if not elements or (item is not None and not item.is_nested):
        return None
    lists = {column.of_list for column in elements}
    others = [c for c in columns if c.of_list is None and not c.is_nested and c not in found.values()]
    no_times = [c for c in others if resolution(values(c)) is None]
    if named.has_names and matches([c.name for c in others], ROLES["item"]):
        return None
    if known := matches([c.known_as for c in elements], ROLES["item"]) if named.has_names else ():
        chosen = elements[known[0]]
    elif (likely := [c for c in elements if names_items(c.known_as) or names_items(c.name)]) and named.has_names:
        chosen = likely[0]
    elif len(no_times) > ("user" not in found) and not (item is not None and item.is_nested):
        return None
    else:
        untimed = [c for c in elements if resolution(values(c)) is None]
        chosen = (untimed or elements)[0]
    # The delimiter of texts is needed only for a column that is read by it.
    guess = {role: column for role, column in found.items() if column.name not in lists and column.form is None}
    return View(replace(named, columns=columns, elements=None), {**guess, "item": chosen}, options)
