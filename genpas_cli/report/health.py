"""The health of the data in a report: numbers with what they mean, and what to look at before any strategy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from genpas_cli.figures.results import DataFigures
from genpas_cli.report.markup import Html, join, tag
from genpas_cli.report.wording import count, decimals
from genpas_cli.runtime.wording import percent, time_range

_MANY_TIED = 0.05
_MANY_COLD = 0.05
_SEES_THE_FUTURE = 0.1
_LONG = 14
"""Characters of a value from where it is written smaller."""


class _Fact(NamedTuple):
    title: str
    value: str
    meaning: str


def health_panel(data: DataFigures) -> Html:
    """Return the warnings and the numbers."""
    warnings = [tag("li", tag("strong", "⚠ Look at this: "), text) for text in _warnings(data)]
    facts = [
        tag(
            "div",
            tag("dt", fact.title),
            tag("dd", fact.value, class_="number long" if len(fact.value) > _LONG else "number"),
            tag("dd", fact.meaning),
        )
        for fact in (*_size(data), *_held_out(data))
    ]
    return join([tag("ul", *warnings, class_="warnings") if warnings else "", tag("dl", *facts, class_="facts")])


def _size(data: DataFigures) -> Iterator[_Fact]:
    length = data.length
    yield _Fact("Users", count(data.users), f"with {count(data.interactions)} interactions in all.")
    yield _Fact(
        "Items", count(data.items), f"that occur; {percent(data.density, 4)} of all user–item pairs are interactions."
    )
    yield _Fact(
        "Median length", decimals(0)(length["median"]),
        f"interactions a user; from {count(length['min'])} to {count(length['max'])}, mean {length['mean']:.1f}, "
        f"99% have at most {count(length['p99'])}.",
    )  # fmt: skip
    yield _Fact("Repeats", percent(data.repeats), "of interactions are with an item that their user has had before.")
    if data.time_range is not None:
        yield _Fact("First and last time", time_range(data.time_range), "in UTC, where the times of the log are dates.")
    yield _Fact(
        "Tied events", percent(data.tied_events),
        "of interactions share user and time with another: their order is the log's, or the rule for ties.",
    )  # fmt: skip


def _held_out(data: DataFigures) -> Iterator[_Fact]:
    if data.split.get("validation") or data.split.get("test"):
        yield _Fact(
            "Decided by the tie rule", percent(data.tied_either),
            f"of users with something held out: time did not decide what (test {percent(data.tied_test)}, "
            f"validation {percent(data.tied_validation)}).",
        )  # fmt: skip
    for name, cold in (("test", data.cold_test), ("validation", data.cold_validation)):
        if cold is not None:
            meaning = f"of {name} targets are items that training never has: no model can have learned them."
            yield _Fact(f"Cold {name} items", percent(cold), meaning)
    if data.leaked_test is not None:
        meaning = (
            "of test interactions come before some training interaction: training then knows some of their future."
        )
        yield _Fact("Leaked test interactions", percent(data.leaked_test), meaning)
    if data.future_training is not None:
        meaning = "is the chance that a training interaction is later than a test one, both taken at random."
        yield _Fact("Training from the future", percent(data.future_training), meaning)


def _warnings(data: DataFigures) -> Iterator[str]:
    if data.tied_either > _MANY_TIED:
        yield (
            f"for {percent(data.tied_either)} of users the rule for ties, and not time, chose what is held out. "
            "Another order of the log would give another test set; see --ties."
        )
    for name, cold in (("test", data.cold_test), ("validation", data.cold_validation)):
        if cold is not None and cold > _MANY_COLD:
            yield f"{percent(cold)} of {name} targets are cold: that share of them is out of any model's reach."
    if data.future_training is not None and data.future_training > _SEES_THE_FUTURE:
        yield (
            f"training sees the future: {percent(data.leaked_test or 0)} of test interactions are earlier than the "
            "last training interaction. Leave-one-out is always like this, and fine for comparing models with each "
            "other; accuracy in use will be lower. --split time:0.8,0.9 holds out by time."
        )


def held_out_words(data: DataFigures) -> str:
    """Return in words what is held out."""
    held_out = {name: data.split.get(name, 0) for name in ("validation", "test")}
    train = f"{count(data.split.get('train', data.interactions))} interactions are for training"
    if not any(held_out.values()):
        return f"Nothing is held out; {train}."
    targets = " and ".join(f"{count(number)} {name}" for name, number in held_out.items() if number)
    return f"Held out: {targets} targets; {train}."
