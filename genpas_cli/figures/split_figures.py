"""The figures of a split of interactions, a part of the table of figures; see `genpas_cli.figures.figure`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from genpas_cli.figures.figure import Shown, figure

PARTS = ("train", "validation_input", "validation_target", "test_input", "test_target")
"""The parts of a split, in the order of time."""

SIZE = "The parts of a split"
LEAKS = "Leaks of a split"
COLD = "Targets of a split that training does not prepare for"

_SHOWN = Shown.TERMINAL | Shown.CSV | Shown.CHECK
_COUNTS = ("train_validation", "train_test", "validation_test")
QUARTILES = ("lower", "median", "upper")

_share = partial(figure, range="0 to 1", is_share=True, digits=1, shown=_SHOWN)


# fmt: off


@dataclass(frozen=True)
class SplitFigures:
    """A split of interactions: sizes, leaks, cold targets, ties. Figures that need timestamps are null without them."""

    rows: dict[str, int | None] = figure(
        None, "rows", "Number of rows of each part.", SIZE, range="from 0; null without the part", digits=0,
        parts=PARTS, shown=_SHOWN)
    users: dict[str, int | None] = figure(
        None, "users", "Number of different users of each part.", SIZE, range="from 0; null without the part",
        digits=0, parts=PARTS, shown=_SHOWN)
    items: dict[str, int | None] = figure(
        None, "items", "Number of different items of each part.", SIZE, range="from 0; null without the part",
        digits=0, parts=PARTS, shown=_SHOWN)
    shared_rows: dict[str, int | None] = figure(
        None, "shared rows", "Number of target rows whose user, item and timestamp also occur in an earlier part: "
        "validation targets in `train`, test targets in `train`, test targets among the validation targets. Rows that "
        "occur twice in the log count too.", LEAKS, range="from 0; null without the part", digits=0, better="lower",
        parts=_COUNTS, shown=_SHOWN)
    future_rows: int | None = figure(
        None, "training rows later than the first test target", "Number of training rows that are later than the "
        "earliest test target of any user: 0 for a split by time.", LEAKS, range="from 0", digits=0, better="lower",
        shown=_SHOWN)
    future_rows_of_users: int | None = figure(
        None, "training rows later than a test target of the same user", "Number of training rows that are later than "
        "the first test target of the same user: 0 if the split follows the order of time.", LEAKS, range="from 0",
        digits=0, better="lower", shown=_SHOWN)
    leaked_test: float | None = _share(
        None, "test targets before the end of the training data", "Share of the test targets that are earlier than the "
        "latest training row of any user: close to 1 for leave-one-out, 0 for a split by time.", LEAKS)
    future_training: float | None = _share(
        None, "probability that a random training row is later than a random test target", "Probability that a "
        "randomly chosen training row is later than a randomly chosen test target.", LEAKS)
    tied_validation: float | None = _share(
        None, "timestamp ties at the validation split", "Among the users with targets: share of "
        "those whose first validation target has the same timestamp as their last training row. Null without "
        "validation targets.", LEAKS)
    tied_test: float | None = _share(
        None, "timestamp ties at the test split", "Among the users with targets: share of those "
        "whose first test target has the same timestamp as their last row of training or validation.", LEAKS)
    tied_either: float | None = _share(
        None, "users with a tie at the split", "Share of the users with targets that have either of the two ties: for "
        "them, the order of the rows, and not time, decided which rows are targets.", LEAKS)
    cold_validation: float | None = _share(
        None, "cold validation targets", "Share of the validation targets whose item does not occur in training.", COLD)
    cold_test: float | None = _share(
        None, "cold test targets", "Share of the test targets whose item does not occur in training.", COLD)
    cold_users_validation: float | None = _share(
        None, "validation users without training rows", "Among the users with validation targets: share "
        "of those without a training row.", COLD)
    cold_users_test: float | None = _share(
        None, "test users without training rows", "Among the users with test targets: share of those without a "
        "training row.", COLD)
    gap_validation: dict[str, float | None] = figure(
        None, "time from the last input to the validation target", "Time between a validation target and the last "
        "interaction of its input: `lower` quartile, `median`, `upper` quartile over all targets. The input of a "
        "user's first target is the input part; without one, the training rows. The input of a later target ends with "
        "the target before it. In seconds, or in the unit of the log if `time_unit` is null.", COLD,
        range="any; from 0 if the split follows the order of time", digits=0, parts=QUARTILES, shown=_SHOWN)
    gap_test: dict[str, float | None] = figure(
        None, "time from the last input to the test target", "The same for the test targets; without an input part, "
        "the input of a user's first target is the rows of training and validation.", COLD,
        range="any; from 0 if the split follows the order of time", digits=0, parts=QUARTILES, shown=_SHOWN)


# fmt: on
