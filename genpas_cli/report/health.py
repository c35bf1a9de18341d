"""The panel about the data on the HTML page: notes, and numbers with their meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from genpas_cli.figures.figure import Figure, Shown, figures_in, shown_in
from genpas_cli.figures.table import HELD_OUT, DataFigures
from genpas_cli.report.markup import Html, join, tag
from genpas_cli.report.wording import MISSING, count, written
from genpas_cli.runtime.text.wording import duration, percent, time_range

_MANY_TIED = 0.05
_MANY_COLD = 0.05
_SEES_THE_FUTURE = 0.1
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LONG = 14
"""Length in characters from which a value is set in smaller type."""


def health_panel(data: DataFigures) -> Html:
    """Return notes on the data, and the numbers."""
    notes = [tag("li", tag("strong", "Note: "), text) for text in _notes(data)]
    facts = [
        tag(
            "div",
            tag("dt", figure.title),
            tag("dd", value, class_="number long" if len(value) > _LONG else "number"),
            tag("dd", meaning),
        )
        for figure, value, meaning in _facts(data)
    ]
    return join([tag("ul", *notes, class_="notes") if notes else "", tag("dl", *facts, class_="facts")])


def _facts(data: DataFigures) -> Iterator[tuple[Figure, str, str]]:
    """Yield each figure of the panel with its value and its note; held-out figures only if something is held out."""
    values = {
        key: _written(figure, getattr(data, key), data.time_unit) for key, figure in figures_in(DataFigures).items()
        if figure.shown & (Shown.PAGE | Shown.CHECK)
    }  # fmt: skip
    is_date = _DATE.match(values["time_range"]) is not None
    values["time_scale"] = "in UTC" if is_date else "numbers, as in the log"
    held_out = data.split.get("validation") or data.split.get("test")
    for figure in shown_in(DataFigures, Shown.PAGE):
        value = values[figure.key]
        if not _is_missing(getattr(data, figure.key)) and (held_out or figure.group != HELD_OUT):
            number = value["median"] if isinstance(value, dict) else value
            yield figure, number, figure.fact.format_map(values)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and None in value.values())


def _written(figure: Figure, value: Any, time_unit: str | None) -> Any:
    """Return a figure as the panel writes it; the numbers of an object by their keys."""
    if _is_missing(value):
        return MISSING
    if figure.is_duration:
        return {part: duration(each, time_unit) for part, each in value.items()}
    if isinstance(value, dict):
        return {part: f"{number:.1f}" if part == "mean" else count(number) for part, number in value.items()}
    if isinstance(value, list):
        return time_range(value)
    return written(figure, value)


def _notes(data: DataFigures) -> Iterator[str]:
    if data.tied_either > _MANY_TIED:
        yield (
            f"for {percent(data.tied_either)} of users, a held-out interaction has the same timestamp as the one "
            "before it. The order that --ties sets decided which of the two comes first; with another order, the test "
            "set can differ."
        )
    for name, cold in (("test", data.cold_test), ("validation", data.cold_validation)):
        if cold is not None and cold > _MANY_COLD:
            yield (
                f"{percent(cold)} of {name} targets are cold: their items do not occur in training, so no model can "
                "predict them."
            )
    if data.future_training is not None and data.future_training > _SEES_THE_FUTURE:
        yield (
            f"training uses data from the future: {percent(data.leaked_test or 0)} of test interactions happen before "
            "the end of the training data. Leave-one-out always has this property. It is acceptable for comparing "
            "models with each other, but accuracy in production will be lower. To hold out by time, read the log with "
            "--split time:0.8,0.9."
        )


def held_out_words(data: DataFigures) -> str:
    """Describe sessions and the held-out interactions in words."""
    held_out = {name: data.split.get(name, 0) for name in ("validation", "test")}
    sessions = (
        ""
        if data.session_users is None
        else f"Each user below is a session; the log has {count(data.session_users)} users. "
    )
    train = f"{count(data.split.get('train', data.interactions))} interactions are for training"
    if not any(held_out.values()):
        return f"{sessions}No interactions are held out; {train}."
    targets = " and ".join(f"{count(number)} {name}" for name, number in held_out.items() if number)
    cold = sum(data.dropped_cold.values())
    left_out = f" (without {count(cold)} whose items do not occur in training)" if cold else ""
    return f"{sessions}Held out: {targets} targets{left_out}; {train}."
