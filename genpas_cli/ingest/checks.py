"""Checks of the options of `ingest` that hold for any log, and the tip to relax those that drop rows."""

from __future__ import annotations

import math
from collections.abc import Iterable

from genpas_cli.histories.sessions import parse_gap
from genpas_cli.histories.split import parse_split
from genpas_cli.histories.split_checks import check_something_held_out
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.options import flag_of

_OWN = frozenset({"user_num", "item_num", "items", "item", "start", "position", "split", "time"})
"""Column names of a store, and of pairs without the prefix `input_` or `target_`, that --keep cannot use."""

_CLEANING = ("where", "min_rating", "dedup", "min_user", "min_item")
"""Options that drop rows."""


def less_cleaning(options: IngestOptions) -> str | None:
    """Return the tip to relax the cleaning options that were given; None if none was given."""
    default = IngestOptions()
    given = [flag_of(name) for name in _CLEANING if getattr(options, name) != getattr(default, name)]
    return f"Relax the cleaning options: {', '.join(given)}" if given else None


def check_ingest_options(options: IngestOptions) -> None:
    """Raise UsageError for option values that are invalid for any log."""
    split = parse_split(options.split)
    check_something_held_out(split.kind, {
        f"--eval {options.eval}": options.eval not in (None, "all"), "--drop-cold": options.drop_cold
    })  # fmt: skip
    if options.session_gap is not None:
        parse_gap(options.session_gap)
    for name in ("min_user", "min_item"):
        if getattr(options, name) < 0:
            raise UsageError(f"{flag_of(name)} is {getattr(options, name)}; it must be 0 or more")
    if options.min_rating is not None and not math.isfinite(options.min_rating):
        raise UsageError(f"--min-rating is {options.min_rating}; it must be a number")
    check_kept_names({name.lower() for name in options.keep})


def check_kept_names(names: Iterable[str]) -> None:
    """Raise UsageError for a kept column's name that equals another one, ignoring case as DuckDB does."""
    taken = set(_OWN)
    for name in dict.fromkeys(names):
        if name.lower() in taken:
            whose = "reserved by genpas" if name.lower() in _OWN else "given twice"
            raise UsageError(f"--keep {name}: the column name is {whose}", tip="Rename it in the log.")
        taken.add(name.lower())
