"""What brings charts into a page: Altair describes them, and the page carries what draws them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from genpas_cli.report import theme
from genpas_cli.report.markup import Html, tag

Rows = Sequence[Mapping[str, Any]]
"""The data of a chart. `words` is what a point says of itself when it is pointed at."""

Drawn = Any
"""A chart of Altair, which is imported only where one is made."""

HEIGHT = 260
ROW = 34
"""Of a chart whose rows are strategies."""


@cache
def runtime() -> str:
    """Return the JavaScript that draws: Vega, Vega-Lite and Vega-Embed, bundled by vl-convert with what they need."""
    import altair as alt
    import vl_convert

    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    # Vega alone would be a third smaller, but bundles of vl-convert 1.9 without Vega-Embed have no Vega in them.
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)


class Caption(NamedTuple):
    """What stands above a chart."""

    heading: str
    reading: str
    """One sentence on how to read it."""


def chart(rows: Rows) -> Drawn:
    """Return an empty chart of this data; what is infinite is left out of it."""
    import altair as alt

    values = [{key: _finite(value) for key, value in row.items()} for row in rows]
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]


def scale(values: Iterable[Any], padding: int) -> Any:
    """Return the scale of an axis from the least value to the greatest, with some room beyond both.

    Args:
        values: that are drawn; what is no finite number takes no part.
        padding: room at either end, in pixels.
    """
    import altair as alt

    known = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if not known or not math.isclose(min(known), max(known), rel_tol=1e-9, abs_tol=1e-12):
        return alt.Scale(zero=False, padding=padding)
    # Of a single value Vega makes an axis with one tick, and writes 0 at it.
    room = abs(known[0]) / 10 or 1.0
    return alt.Scale(zero=False, domain=[known[0] - room, known[0] + room])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Canvas:
    """Collects the charts of one page; what it returns goes to where each is to stand."""

    def __init__(self) -> None:
        self._specs: dict[str, Any] = {}

    def figure(
        self, name: str, caption: Caption, drawn: Drawn, description: str, *, legend: str = "", below: str = ""
    ) -> Html:
        """Add a chart with its caption, and what it shows for those who cannot see it."""
        return tag(
            "figure",
            tag("figcaption", tag("h3", caption.heading), tag("p", caption.reading)),
            legend,
            self.bare(name, drawn, description),
            below,
        )

    def bare(self, name: str, drawn: Drawn, description: str) -> Html:
        """Add a chart without heading, of a figure that has several."""
        spec = drawn.properties(width="container")
        as_json = spec.configure(**theme.config()).to_dict()
        del as_json["$schema"]  # an address, which nothing here is to hold
        assert name not in self._specs
        self._specs[name] = as_json
        height = f"min-height:{drawn.height}px" if isinstance(getattr(drawn, "height", None), int) else None
        # Vega gives its own element a role and a label, so ours stand on one around it.
        inner = tag("div", id=name, aria_hidden="true")
        return tag("div", inner, class_="chart", role="img", aria_label=description, style=height)

    def script(self) -> Html:
        """Return the element that holds all charts as JSON."""
        # In a script element nothing is escaped as HTML, but `</script` and `<!--` would be seen.
        data = json.dumps(self._specs, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace(
            "<", "\\u003c"
        )
        return Html(f'<script type="application/json" id="charts">{data}</script>')
