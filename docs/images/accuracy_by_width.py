"""Draws accuracy-by-width.svg from the tables of docs/reproduction.md: `python docs/images/accuracy_by_width.py`."""

from __future__ import annotations

import re
from pathlib import Path

import altair as alt
import vl_convert

HERE = Path(__file__).parent
STRATEGIES = ("(1, 0, 0)", "Multi-Target")
COLORS = ("#0072b2", "#d55e00")
"""Of a palette that can also be told apart with defective colour vision."""

_TABLE = re.compile(r"\*\*(?P<data>[^*]+)\*\*:\n\n\| width \|.*\n.*\n(?P<rows>(?:\|.*\n)+)")


def accuracies(page: str) -> list[dict[str, object]]:
    """Return data set, strategy, width and mean test NDCG@10 of every row of the tables on the page."""
    found: list[dict[str, object]] = []
    for table in _TABLE.finditer(page):
        for line in table["rows"].splitlines():
            width, _, multi_target, _, uniform, *_ = [cell.strip() for cell in line.strip("|").split("|")]
            found += [
                {"data": table["data"], "strategy": strategy, "width": int(width), "accuracy": float(accuracy)}
                for strategy, accuracy in zip(STRATEGIES, (uniform, multi_target), strict=True)
            ]
    return found


def chart(page: str) -> alt.FacetChart:
    """Return the chart: accuracy over width, a panel for each data set."""
    base = alt.Chart(alt.Data(values=accuracies(page))).encode(
        x=alt.X("width:O", title="width of the model", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("accuracy:Q", title="test NDCG@10", scale=alt.Scale(zero=False)),
        color=alt.Color("strategy:N", title=None, scale=alt.Scale(domain=list(STRATEGIES), range=list(COLORS))),
        shape=alt.Shape("strategy:N", title=None, scale=alt.Scale(domain=list(STRATEGIES))),
    )
    panel = (base.mark_line() + base.mark_point(filled=True, size=60)).properties(width=260, height=190)
    panels: alt.FacetChart = panel.facet(column=alt.Column("data:N", title=None))
    return panels.resolve_scale(y="independent").configure(background="white")


if __name__ == "__main__":
    drawn = chart((HERE.parent / "reproduction.md").read_text(encoding="utf-8"))
    svg = vl_convert.vegalite_to_svg(drawn.to_json())
    (HERE / "accuracy-by-width.svg").write_text(svg + "\n", encoding="utf-8")
