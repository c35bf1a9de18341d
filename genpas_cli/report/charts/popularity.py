"""Charts of the targets by the popularity of their items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genpas_cli.figures.illustrations.data import DivergenceParts, PopularityCurve
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.report.charts.curves import ORDINALS, Looks, by_name, colours, grouped_bars, lines
from genpas_cli.report.charts.drawing import HEIGHT, Canvas, Caption, chart
from genpas_cli.report.charts.theme import HELD_OUT, legend
from genpas_cli.report.markup import Html
from genpas_cli.report.wording import count
from genpas_cli.runtime.text.wording import percent

_NEVER = "∅"
_LINEAR = 0.02
"""Part of a divergence up to which the axis is about linear: one strategy can have a hundred times that of another."""
_TICKS = [sign * value for value in (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0) for sign in (-1, 1)][1:]


def divergence_parts(canvas: Canvas, against: str, parts: Sequence[DivergenceParts], looks: Looks) -> Html:
    """Draw the KL divergence of each strategy, divided among tenths of the items; "" if nothing is held out."""
    if not parts:
        return Html("")
    import altair as alt

    groups = [*(f"{tenth}" for tenth in range(1, len(parts[0].tenths) + 1)), _NEVER]
    rows = [
        {"x": group, "y": part, "name": each.name, "words": f"{each.name}: {part:+.4f} nats from {_items(group)}"}
        for each in parts for group, part in zip(groups, [*each.tenths, each.never], strict=True)
    ]  # fmt: skip
    told = "; ".join(f"{each.name} {each.never:.4f} of {sum(each.tenths) + each.never:.4f}" for each in parts)
    return canvas.figure(
        "divergence",
        Caption(f"KL({against} ‖ train) by popularity of the item", "Items sorted by popularity in training and "
                f"divided into ten groups of the same number of items; items that are never a training target are in "
                f"the bar “{_NEVER}” instead. The bars of a strategy sum to its KL; a bar below 0 is a group that is "
                f"more frequent in training than in {against}. The axis is compressed far from 0."),
        grouped_bars(rows, looks, ("tenth of the items, most popular first", "part of the KL, nats"), groups,
                     scale=alt.Scale(type="symlog", constant=_LINEAR, nice=False),
                     axis=alt.Axis(values=_TICKS, format="~g")),
        f"Parts of KL({against} ‖ train) by popularity tenth. From items that are never a training target: {told}.",
        legend=legend((looks[each.name] for each in parts), lines=False),
    )  # fmt: skip


def _items(group: str) -> str:
    return "items that are never a training target" if group == _NEVER else f"the {ORDINALS[int(group) - 1]} tenth"


def popularity_curves(canvas: Canvas, curves: Sequence[PopularityCurve], looks: Looks) -> Html:
    """Draw the share of targets of each item, the most popular first."""
    rows = [
        {"x": rank, "y": mass, "name": curve.name,
         "words": f"{curve.name}: {percent(mass)} of targets are among the {count(rank)} most popular items"}
        for curve in curves for rank, mass in zip(curve.rank, curve.mass, strict=True)
    ]  # fmt: skip
    told = "; ".join(f"{curve.name} {percent(_at_tenth(curve))}" for curve in curves)
    held_out = next((curve.name for curve in curves if curve.name in HELD_OUT), None)
    reading = "Each curve shows the share of targets among the items up to a popularity rank" + (
        "." if held_out is None else f"; the closer a strategy is to the thick {held_out} line, the better."
    )
    return canvas.figure(
        "popularity", Caption("Targets by popularity of the item", reading),
        lines(rows, looks, ("popularity rank, most popular first", "share of targets"), log=True),
        "Curves of the cumulative share of targets by popularity rank. For the most popular tenth of the items: "
        f"{told}.",
        legend=legend(looks[curve.name] for curve in curves),
    )  # fmt: skip


def popularity_differences(canvas: Canvas, curves: Sequence[PopularityCurve], looks: Looks) -> Html:
    """Draw the same curves minus that of the held-out targets; "" if nothing is held out or the ranks differ."""
    held_out = next((curve for curve in curves if curve.name in HELD_OUT), None)
    others = [curve for curve in curves if curve.name not in HELD_OUT and held_out and curve.rank == held_out.rank]
    if held_out is None or not others:
        return Html("")
    rows = [
        {"x": rank, "y": mass - base, "name": curve.name,
         "words": f"{curve.name}: {100 * (mass - base):+.1f} percentage points compared with {held_out.name}, for the "
                  f"{count(rank)} most popular items"}
        for curve in others for rank, mass, base in zip(curve.rank, curve.mass, held_out.mass, strict=True)
    ]  # fmt: skip
    told = "; ".join(
        f"{curve.name} {100 * max(abs(a - b) for a, b in zip(curve.mass, held_out.mass, strict=True)):.1f}"
        for curve in others
    )
    return canvas.figure(
        "differences",
        Caption(f"Difference from {held_out.name}", "At rank k: the share of the training targets that are among the k "
                f"most popular items, minus the same share of the {held_out.name} targets. Above 0: these items are "
                "targets more often in training."),
        lines(
            rows, looks, ("popularity rank, most popular first", f"cumulative difference from {held_out.name}"),
            log=True,
        ),
        f"Curves of the strategies minus {held_out.name}. Largest difference in percentage points: {told}.",
        legend=legend(looks[curve.name] for curve in others),
    )  # fmt: skip


def _at_tenth(curve: PopularityCurve) -> float:
    return next(mass for rank, mass in zip(curve.rank, curve.mass, strict=True) if rank >= curve.rank[-1] / 10)


def popularity_tenths(
    canvas: Canvas, held_out: Sequence[float] | None, series: Sequence[StrategyFigures], looks: Looks
) -> Html:
    """Draw the share of targets in each tenth of the items: the test split as bars, strategies as markers."""
    import altair as alt

    shown = [figures for figures in series if figures.popularity_deciles is not None]
    dots = [row for at, figures in enumerate(shown, 1)
            for row in _tenths(figures.name, figures.popularity_deciles or [], at / (len(shown) + 1))]  # fmt: skip
    x = alt.X("x:Q", title="tenth of the items, most popular first", scale=alt.Scale(domain=[0.5, 10.5], nice=False),
              axis=alt.Axis(values=list(range(1, 11)), grid=False, format="d"))  # fmt: skip
    y = alt.Y("y:Q", title="share of targets", axis=alt.Axis(format="~%", tickCount=5))
    # In the legend, the held-out split has the colour of its bars.
    looks = {name: look._replace(colour="var(--bar)") if name in HELD_OUT else look for name, look in looks.items()}
    shapes = by_name("shape", looks, [look.shape for look in looks.values()])
    points = chart(dots).mark_point(size=50, filled=True, opacity=1)
    layers = [points.encode(x=x, y=y, tooltip="words:N", color=colours(looks), shape=shapes)]
    if held_out is not None:
        bars = chart(_tenths("test", held_out, 0)).mark_rect(color="var(--bar)")
        layers.insert(0, bars.encode(x=x, x2="end:Q", y=y, y2=alt.datum(0), tooltip="words:N"))
    told = "; ".join(f"{figures.name} {percent((figures.popularity_deciles or [0])[0])}" for figures in shown)
    tops = (
        ""
        if held_out is None
        else " The bars are the test targets; the points of a strategy should be at the tops of the bars."
    )
    return canvas.figure(
        "deciles", Caption("Targets by item popularity", "Items sorted by popularity and divided into ten "
                                                         f"groups of the same number of items.{tops}"),
        alt.layer(*layers).properties(height=HEIGHT),
        "Share of targets in each tenth of the items by popularity. In the most popular tenth: "
        f"{'' if held_out is None else f'test {percent(held_out[0])}; '}{told}.",
        legend=legend((looks[figures.name] for figures in shown), lines=False),
    )  # fmt: skip


def _tenths(name: str, shares: Sequence[float], place: float) -> list[dict[str, Any]]:
    """Return rows of shares by tenth; `place` is the horizontal position within a tenth, 0..1."""
    return [
        {"x": tenth - 0.45 + 0.9 * place, "end": tenth + 0.45, "y": share, "name": name,
         "words": f"{name}: {percent(share)} of targets are in the {ORDINALS[tenth - 1]} tenth of the items"}
        for tenth, share in enumerate(shares, 1)
    ]  # fmt: skip
