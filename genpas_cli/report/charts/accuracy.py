"""Charts of the accuracy of trained models, with 95% intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genpas_cli.report.charts.curves import Looks, by_name, colours
from genpas_cli.report.charts.drawing import HEIGHT, ROW, Canvas, Caption, Drawn, chart, scale
from genpas_cli.report.charts.theme import LINE, legend
from genpas_cli.report.markup import Html
from genpas_cli.report.wording import count
from genpas_cli.training.comparison import ACCURACY, Compared, GroupAccuracy

_TITLE = "test NDCG@10 (higher is better)"


def runs(canvas: Canvas, strategies: Sequence[Compared], baseline: str, looks: Looks) -> Html:
    """Draw the interval of each strategy and the accuracy of every run."""
    import altair as alt

    names = [each.name for each in strategies]
    spans = [_span(each.name, each.accuracy) for each in strategies]
    dots = [
        {"name": each.name, "value": run.test[ACCURACY],
         "words": f"{each.name}, seed {run.seed}: test NDCG@10 {run.test[ACCURACY]:.4f}"}
        for each in strategies for run in each.runs
    ]  # fmt: skip
    notes = [
        {"name": each.name, "value": each.accuracy.high, "note": f"not distinguishable from {baseline}"}
        for each in strategies if each.difference is not None and not each.difference.is_distinguishable
    ]  # fmt: skip
    values = [value for span in spans for value in (span["low"], span["high"])] + [dot["value"] for dot in dots]
    x, title = scale(values, 12), alt.Axis(tickCount=5)
    y = alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=110))
    shape = by_name("shape", looks, [each.shape for each in looks.values()])
    base = chart(spans).encode(y=y, color=colours(looks), tooltip="words:N")
    layers = [
        base.mark_rule(strokeWidth=LINE).encode(x=alt.X("low:Q", title=_TITLE, scale=x, axis=title), x2="high"),
        base.mark_tick(thickness=3, size=ROW // 2).encode(x="value:Q"),
        chart(dots).mark_point(size=60, filled=True, opacity=0.8)
        .encode(x="value:Q", y=y, color=colours(looks), shape=shape, tooltip="words:N"),
        chart(notes).mark_text(align="right", dy=-11, fontSize=10, color="var(--muted)")
        .encode(x="value:Q", y=y, text="note:N"),
    ]  # fmt: skip
    told = "; ".join(span["words"] for span in spans)
    return canvas.figure(
        "runs",
        Caption("Accuracy of each strategy", "The line is the 95% interval of the mean over the test pairs (bootstrap "
                "over users), the bar on it the mean, and each point one seed. “Not distinguishable”: the interval of "
                f"the paired difference to {baseline} includes 0."),
        alt.layer(*layers).properties(height=ROW * len(names)), f"{told}.",
    )  # fmt: skip


def _span(name: str, of: GroupAccuracy) -> dict[str, Any]:
    words = f"{name}: test NDCG@10 {of.value:.4f}, 95% interval {of.low:.4f} to {of.high:.4f}"
    return {"name": name, "value": of.value, "low": of.low, "high": of.high, "words": words}


def by_popularity(canvas: Canvas, strategies: Sequence[Compared], looks: Looks) -> Html:
    """Draw the accuracy by the popularity of the target."""
    reading = (
        "Test pairs by the popularity of their target: items sorted by popularity and divided into five equal groups, "
        "the most popular first."
    )
    return _groups(
        canvas, "fifth of the items, most popular first", Caption("Accuracy by popularity of the target", reading),
        {each.name: each.by_popularity for each in strategies}, looks,
    )  # fmt: skip


def by_history(canvas: Canvas, strategies: Sequence[Compared], looks: Looks) -> Html:
    """Draw the accuracy by the number of items in the input."""
    return _groups(
        canvas, "items in the input",
        Caption("Accuracy by history length", "Test pairs by the number of items in their input."),
        {each.name: each.by_history for each in strategies}, looks,
    )  # fmt: skip


def _groups(
    canvas: Canvas, axis: str, caption: Caption, groups: Mapping[str, Sequence[GroupAccuracy]], looks: Looks
) -> Html:
    """Draw the groups of each strategy; all strategies have the same groups."""
    some = next(iter(groups.values()))
    rows = [
        {**span, "group": group.group, "words": f"{span['words']}, {count(group.pairs)} pairs in group {group.group}"}
        for name, of_strategy in groups.items() for group in of_strategy for span in [_span(name, group)]
    ]  # fmt: skip
    pairs = ", ".join(f"{group.group}: {count(group.pairs)}" for group in some)
    return canvas.figure(
        caption.heading.replace(" ", "-").lower(),
        caption._replace(reading=f"{caption.reading} Lines are 95% intervals. Number of pairs: {pairs}."),
        _intervals(rows, [group.group for group in some], axis, looks), "; ".join(row["words"] for row in rows),
        legend=legend(looks.values(), lines=False),
    )  # fmt: skip


def _intervals(rows: Sequence[dict[str, Any]], groups: Sequence[str], axis: str, looks: Looks) -> Drawn:
    import altair as alt

    base = chart(rows).encode(
        x=alt.X("group:N", title=axis, sort=list(groups), axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("name:N", sort=list(looks)), color=colours(looks), tooltip="words:N",
    )  # fmt: skip
    y = alt.Y("low:Q", title="test NDCG@10", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5))
    points = base.mark_point(size=60, filled=True, opacity=1).encode(
        y="value:Q", shape=by_name("shape", looks, [each.shape for each in looks.values()])
    )
    return alt.layer(base.mark_rule(strokeWidth=LINE).encode(y=y, y2="high"), points).properties(height=HEIGHT)
