"""HTML in small pieces: whatever is no `Html` yet is escaped when it is put into an element."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"br", "hr", "meta"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def join(parts: Iterable[str], between: str = "") -> Html:
    """Return the parts one after another, each escaped unless it is markup."""
    return Html(between.join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def tag(name: str, /, *children: str, **attributes: str | bool | None) -> Html:
    """Return an element.

    Args:
        name: of the element.
        children: texts, which are escaped, and markup.
        attributes: their values, which are escaped; `_` in a name stands for `-`, and one at its end for nothing
            (`class_`). Those that are None or False are left out.
    """
    written = []
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if value is True:
            written.append(f" {attribute}")
        elif value not in (None, False):
            written.append(f' {attribute}="{html.escape(str(value))}"')
    opening = f"<{name}{''.join(written)}>"
    return Html(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def table(head: Sequence[str], body: Iterable[str], caption: str) -> Html:
    """Return a table in a box of its own to scroll in: a caption, one row of headings, rows."""
    headings = tag("tr", *(tag("th", text, scope="col") for text in head))
    whole = tag("table", tag("caption", tag("span", caption)), tag("thead", headings), tag("tbody", *body))
    # Can be focused, or nobody could scroll it by keyboard.
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def row(heading: str, *cells: str, class_: str | None = None) -> Html:
    """Return a row of a table; a cell that is no `td` yet becomes one."""
    wrapped = (cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in cells)
    return tag("tr", tag("th", heading, scope="row"), *wrapped, class_=class_)


def section(anchor: str, heading: str, *children: str) -> Html:
    """Return a section with its heading; "" if nothing is in it."""
    if not any(children):
        return Html("")
    return tag("section", tag("h2", heading, id=f"{anchor}-heading"), *children, id=anchor,
               aria_labelledby=f"{anchor}-heading")  # fmt: skip
