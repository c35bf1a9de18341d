"""Puts charts into a page: Altair describes them, and the page contains the scripts that draw them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from genpas_cli.report.charts import theme
from genpas_cli.report.charts.saved import vega_lite_version
from genpas_cli.report.markup import Html, tag

Rows = Sequence[Mapping[str, Any]]
"""The rows of a chart. `words` is the tooltip of a point."""

Drawn = Any
"""An Altair chart; Altair is imported only where a chart is made."""

HEIGHT = 260
ROW = 34
"""Height of a chart with one row per strategy."""


@cache
def runtime() -> str:
    """Return the JavaScript that draws charts: Vega, Vega-Lite and Vega-Embed, bundled by vl-convert."""
    import vl_convert

    # Vega alone would be a third smaller, but bundles of vl-convert 1.9 without Vega-Embed have no Vega in them.
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vega_lite_version())


class Caption(NamedTuple):
    """The text above a chart."""

    heading: str
    reading: str
    """One sentence on how to read it."""


def chart(rows: Rows) -> Drawn:
    """Return an empty chart of this data, without infinite values."""
    import altair as alt

    values = [{key: _finite(value) for key, value in row.items()} for row in rows]
    return alt.Chart(alt.Data(values=values))  # type: ignore[no-untyped-call]


def scale(values: Iterable[Any], padding: int) -> Any:
    """Return the scale of an axis from the least value to the greatest, with some room beyond both.

    Args:
        values: the drawn values; those that are not finite are ignored.
        padding: space at either end, in pixels.
    """
    import altair as alt

    known = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if not known:
        return alt.Scale(zero=False, padding=padding)
    if not math.isclose(min(known), max(known), rel_tol=1e-9, abs_tol=1e-12):
        return alt.Scale(zero=False, domain=[min(known), max(known)], padding=padding)
    # For a single value Vega makes an axis with one tick, labelled 0.
    room = abs(known[0]) / 10 or 1.0
    return alt.Scale(zero=False, domain=[known[0] - room, known[0] + room])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Canvas:
    """Collects the charts of one page; each method returns the markup to place where its chart belongs."""

    def __init__(self) -> None:
        self.charts: dict[str, dict[str, Any]] = {}
        """The Vega-Lite specifications by name, with the title and the legends that saved charts have. Colours are
        variables of the style sheet, the width is that of the container."""

    def figure(
        self, name: str, caption: Caption, drawn: Drawn, description: str, *, legend: str = "", below: str = ""
    ) -> Html:
        """Add a chart with a caption and a text alternative."""
        return tag(
            "figure",
            tag("figcaption", tag("h3", caption.heading), tag("p", caption.reading)),
            legend,
            self.bare(name, drawn, description, title=caption.heading),
            below,
        )

    def bare(self, name: str, drawn: Drawn, description: str, *, title: str) -> Html:
        """Add a chart without a heading, for a figure that contains several; `title` is for the saved chart."""
        spec = drawn.properties(width="container")
        as_json = spec.configure(**theme.config()).to_dict()
        del as_json["$schema"]  # a URL, and the page must contain none
        assert name not in self.charts
        self.charts[name] = as_json | {"title": {"text": title, "anchor": "start"}}
        height = f"min-height:{drawn.height}px" if isinstance(getattr(drawn, "height", None), int) else None
        # Vega sets the role and label of its own element, so ours go on the element around it.
        inner = tag("div", id=name, aria_hidden="true")
        return tag("div", inner, class_="chart", role="img", aria_label=description, style=height)

    def script(self) -> Html:
        """Return the element that holds all charts as JSON."""
        # In a script element nothing is escaped as HTML, but `</script` and `<!--` would be seen.
        data = json.dumps(self.charts, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace(
            "<", "\\u003c"
        )
        version = vega_lite_version()
        return Html(f'<script type="application/json" id="charts" data-vega-lite="{version}">{data}</script>')
