"""Builds HTML: text that is not `Html` is escaped when it is put into an element."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = frozenset({"br", "hr", "meta"})


class Html(str):
    """Text that is already markup."""

    __slots__ = ()


def join(parts: Iterable[str], between: str = "") -> Html:
    """Join the parts, escaping each that is not markup."""
    return Html(between.join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def tag(name: str, /, *children: str, **attributes: str | bool | None) -> Html:
    """Return an element.

    Args:
        name: the element's name.
        children: texts, which are escaped, and markup.
        attributes: values are escaped; `_` in a name becomes `-`, and a trailing `_` is dropped (`class_`). Attributes
        that are None or False are left out.
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
    """Return a table in a scrollable box: a caption, one row of headings, and rows."""
    headings = tag("tr", *(tag("th", text, scope="col") for text in head))
    whole = tag("table", tag("caption", tag("span", caption)), tag("thead", headings), tag("tbody", *body))
    # Focusable, so that it can be scrolled by keyboard.
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def row(heading: str, *cells: str, class_: str | None = None) -> Html:
    """Return a table row; cells that are not yet `td` elements become such."""
    wrapped = (cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in cells)
    return tag("tr", tag("th", heading, scope="row"), *wrapped, class_=class_)


def section(anchor: str, heading: str, *children: str) -> Html:
    """Return a section with its heading; "" if it is empty."""
    if not any(children):
        return Html("")
    return tag("section", tag("h2", heading, id=f"{anchor}-heading"), *children, id=anchor,
               aria_labelledby=f"{anchor}-heading")  # fmt: skip
