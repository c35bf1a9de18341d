"""The options that restrict and weigh targets, applied to an open store.

`--target-where` (a condition), `--target-weight` (a number), `--half-life` and `--balance-items` are factors of one
weight per interaction. A weight of 0 means that the interaction is not a target, in any split; other weights matter for
training alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from genpas_cli.augment.options import TargetOptions
from genpas_cli.histories.instants import parse_instant, refuse_without_times
from genpas_cli.histories.sessions import parse_duration
from genpas_cli.ingest.columns.mixed_units import count_units
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.sql.conditions import check_memory, examples_in, is_of_a_value, read_expression, refused
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.wording import listed, times
from genpas_cli.runtime.times.units import units_a_second
from genpas_cli.sampling.kernels import Floats
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.store import Store
from genpas_cli.store.target_rule import LEAST_WEIGHT, Weighing

_OF_THE_STORE = ("user_num", "item_num", "split")
_FACTORS = ("target_where", "target_weight", "half_life", "balance_items")
_WEIGHTS = _FACTORS[1:]
RECORDED = (*_FACTORS, "as_of")
"""Fields of `TargetOptions` that a manifest records."""

_MOST_BALANCE = 10.0


@dataclass(frozen=True)
class _Factor:
    """One factor of the weight of an interaction."""

    column: str
    """SQL of the column that it needs."""
    of: Callable[[NDArray[Any]], Floats | NDArray[np.bool_]]
    """Values of the column → factors."""


class _Expression(NamedTuple):
    """An SQL expression that a user gave."""

    option: str
    text: str
    is_number: bool


def target_settings(options: TargetOptions | Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that restrict and weigh targets, by field, from options or from a manifest.

    A `balance_items` of 0 changes nothing, so it is as if it were not given.
    """
    get = partial(getattr, options) if isinstance(options, TargetOptions) else options.get
    settings = {name: get(name) for name in RECORDED}
    return settings | {"balance_items": settings["balance_items"] or None}


def given_flag(options: TargetOptions) -> str | None:
    """Return the flag of the first option given that restricts or weighs targets; None if none is."""
    return next((flag_of(name) for name in RECORDED if getattr(options, name) is not None), None)


def is_weighted(options: TargetOptions | Mapping[str, Any]) -> bool:
    """Tell whether an option gives targets different weights; see `target_settings`."""
    settings = target_settings(options)
    return any(settings[name] is not None for name in _WEIGHTS)


def check_target_options(options: TargetOptions) -> None:
    """Check what can be checked without a store; raise UsageError if a value cannot be used."""
    if options.as_of is not None and options.half_life is None:
        raise UsageError(
            "--as-of is the day from which --half-life counts, but there is no --half-life",
            tip=f"For example: --half-life 365d --as-of {options.as_of}",
        )
    if options.half_life is not None:
        parse_duration(options.half_life, "--half-life", examples=("365d", "26w", "12h"))
    balance = options.balance_items
    if balance is not None and not 0 <= balance <= _MOST_BALANCE:
        raise UsageError(
            f"--balance-items is {balance:g}; it must be from 0 (no balancing) to {_MOST_BALANCE:g}; with 1 and "
            "the biases of Multi-Target, all items are targets about equally often"
        )


def weighted(store: Store, options: TargetOptions, *, of_log: bool) -> Store:
    """Return the store with the weights of its interactions that the options give.

    Args:
        store: the open store.
        options: the condition and the weights.
        of_log: whether the store is the temporary one of a log, for messages.

    Raises:
        UsageError: an expression is not allowed, or fails on some value; `--half-life` is given without times.
        MachineError: evaluating an expression may take more memory than the limit.
        DataError: a weight is missing, negative or not finite, or no possible training target has a weight above 0.
    """
    check_target_options(options)
    expressions = [
        _Expression(flag_of(name), text, is_number)
        for name, is_number in (("target_where", False), ("target_weight", True))
        if (text := getattr(options, name)) is not None
    ]
    factors: list[_Factor] = []
    for each in expressions:
        _check_expression(store, each, of_log=of_log)
        factors.append(
            _Factor(f"cast(({each.text}\n) as double)", _numbers) if each.is_number
            else _Factor(f"coalesce(cast(({each.text}\n) as boolean), false)", _truths)
        )  # fmt: skip
    if options.half_life is not None:
        factors.append(_half_life(store, options))
    if options.balance_items:
        factors.append(_balance(store, options.balance_items))
    if not factors:
        return store
    weighing = Weighing(
        [factor.column for factor in factors], partial(_weigh, store, factors, options), not is_weighted(options)
    )
    try:
        found = store.weighted(weighing)
    except duckdb.Error as error:
        if expressions and is_of_a_value(error):
            failed = next((each for each in expressions if not _evaluates(store, each)), expressions[0])
            columns, examples = _columns(store), partial(examples_in, store.database.con.sql(_ROWS))
            raise refused(store.database.con, failed.text, error, columns, examples, option=failed.option) from error
        raise
    assert found.rule is not None, "made just now"
    if not found.rule.count["train"].any():
        raise _no_target(options, "LOG --keep COLUMN" if of_log else shell_word(str(store.path)))
    return found


def refuse_windows(store: Store, strategy: Strategy) -> None:
    """Raise UsageError if targets are restricted or weighted, and the strategy's sequence weight counts its pairs."""
    if store.rule is not None and not strategy.sequence.follows_targets:
        what = "--target-where" if store.rule.weighing.is_condition else "weights of targets"
        raise UsageError(
            f"{what} cannot be combined with {strategy.name}: its number of pairs per target depends on the "
            "position of the target",
            tip="Use similar biases instead: --strategy 2,1,0",
        )


_ROWS = "select * from store.interactions"


def _columns(store: Store) -> dict[str, str]:
    described = store.database.con.execute("describe store.interactions").fetchall()
    return {name: kind for name, kind, *_ in described if name not in _OF_THE_STORE}


def _check_expression(store: Store, expression: _Expression, *, of_log: bool) -> None:
    con = store.database.con
    rows = con.sql(_ROWS)
    option, text, is_number = expression
    try:
        condition = read_expression(
            con, text, _columns(store), partial(examples_in, rows), option=option, is_number=is_number
        )
    except UsageError as error:
        tip = (
            "To use a column of the log, add --keep COLUMN"
            if of_log
            else "To add a column to the store, read the log again: genpas ingest LOGS -o STORE --keep COLUMN"
        )
        raise UsageError(error.message, tip=f"{error.tip}. {tip}" if error.tip else tip) from error
    check_memory(con, condition, rows, memory=store.database.memory)


def _evaluates(store: Store, expression: _Expression) -> bool:
    """Tell whether an expression can be computed from all rows."""
    kind = "double" if expression.is_number else "boolean"
    try:
        store.database.con.sql(
            f"select count(cast(({expression.text}\n) as {kind})) from store.interactions"
        ).fetchall()
    except duckdb.Error:
        return False
    return True


def _weigh(
    store: Store, factors: list[_Factor], options: TargetOptions, columns: Sequence[Any],
    place: Callable[[int], tuple[int, int]],
) -> Floats | NDArray[np.bool_]:  # fmt: skip
    """Return the product of the factors of some rows, given one Arrow column per factor; see `Weighing.weigh`."""
    found_all: list[Floats | NDArray[np.bool_]] = []
    for factor, column in zip(factors, columns, strict=True):
        found = factor.of(column.to_numpy(zero_copy_only=False))
        if factor.of is _numbers and (wrong := np.flatnonzero(~((found >= 0) & (found < np.inf)))).size:
            row = int(wrong[0])
            raise _bad_weight(store, options, *place(row), float(found[row]) if column[row].is_valid else None)
        found_all.append(found)
    product = math.prod(found_all[1:], start=found_all[0])
    if len(found_all) > 1:
        # A product of small factors must not become 0, which would take the interaction out of validation and test.
        np.maximum(product, LEAST_WEIGHT, out=product, where=np.logical_and.reduce([each > 0 for each in found_all]))
    return product


def _numbers(values: NDArray[Any]) -> Floats:
    return values.astype(np.float64)


def _truths(values: NDArray[Any]) -> NDArray[np.bool_]:
    return values.astype(np.bool_)


def _bad_weight(store: Store, options: TargetOptions, user: int, position: int, value: float | None) -> DataError:
    (name,) = store.ids("users", np.array([user]))
    shown = "missing (NULL)" if value is None else f"{value:g}"
    given = options.target_weight
    if _is_constant(str(given)):
        tip = "A constant weight has no effect: remove --target-weight, or compute the weight from a column."
        return DataError(f"--target-weight is {shown}; a weight must be a number of 0 or more", tip=tip)
    if value is None:
        needed = f"coalesce({given}, 1)"
    else:
        needed = f"greatest({given}, 0)" if value < 0 else f"case when isfinite({given}) then {given} else 1 end"
    return DataError(
        f"--target-weight {given!r} is {shown} for interaction {position} of user {name!r}; a "
        "weight must be a number of 0 or more",
        tip=f"Give such interactions another weight, for example: {needed}",
    )


def _is_constant(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _no_target(options: TargetOptions, source: str) -> DataError:
    given = [name for name in _FACTORS if getattr(options, name) is not None]
    if given == ["target_where"]:
        what = f"--target-where {options.target_where!r} is true for no training interaction that can be a target"
    else:
        shown = listed([f"{flag_of(name)} {str(getattr(options, name))!r}" for name in given])
        what = f"{shown}: the weight of every training interaction that can be a target is 0"
    return DataError(
        f"{what} (the first interaction of a user cannot be one)",
        tip=f"Look at the values: genpas head {source}",
    )


def _half_life(store: Store, options: TargetOptions) -> _Factor:
    """Return the factor 2^(−age / half-life); the age is at least 0, so that it never exceeds 1."""
    kind = store.meta["time_type"]
    if kind is None:
        refuse_without_times({"--half-life": True})
    con, is_plain = store.database.con, kind in ("BIGINT", "DOUBLE")
    counts = count_units(con, "time", "store.interactions") if is_plain else None
    seconds = f"time::double / {units_a_second(kind, counts)}" if is_plain else "epoch(time)"
    ((first, latest),) = con.sql(
        f"select min({seconds}), max({seconds}) from store.interactions where split = 'train'"
    ).fetchall()
    if options.as_of is not None and latest is not None:
        as_of = parse_instant(con, options.as_of, kind, counts, option="--as-of") / units_a_second(kind, counts)
        if as_of <= first:
            (shown,) = times([first])
            raise UsageError(
                f"--as-of {options.as_of} is not after the first training interaction ({shown}), so all weights would "
                "be 1, and --half-life would have no effect",
                tip="To count the age from the last training interaction, remove --as-of.",
            )
        # A later time would multiply all weights by the same factor, perhaps one that a float64 cannot hold.
        latest = min(as_of, latest)
    half_life = parse_duration(str(options.half_life), "--half-life")

    def of(values: NDArray[Any]) -> Floats:
        age: Floats = float(latest or 0.0) - values
        np.maximum(age, 0.0, out=age)
        np.divide(age, -half_life, out=age)
        np.maximum(age, np.log2(LEAST_WEIGHT), out=age)
        return np.exp2(age, out=age)

    return _Factor(seconds, of)


def _balance(store: Store, power: float) -> _Factor:
    """Return the factor popularity^−C; the popularity of an item is its number of training interactions."""
    counts = np.ones(store.items + 1)
    query = "select item_num, count(*) as n from store.interactions where split = 'train' group by item_num"
    for batch in store.database.read(query, 1 << 18):
        counts[batch.column(0).to_numpy()] = batch.column(1).to_numpy()
    factors: Floats = counts**-power

    def of(values: NDArray[Any]) -> Floats:
        found: Floats = factors[values]
        return found

    return _Factor("item_num", of)


def check_weighted_draw(options: TargetOptions, strategy: Strategy) -> None:
    """Raise UsageError if weights are given and all pairs of a strategy are to be listed."""
    if is_weighted(options):
        flag = next(flag_of(name) for name in _WEIGHTS if getattr(options, name) is not None)
        raise UsageError(
            f"--pairs all lists each pair of {strategy.name} once, so {flag} would have no effect",
            tip="To draw pairs by their weights: --pairs 1x",
        )


def weights_text(options: TargetOptions) -> str | None:
    """Return the weights given, for a report, such as `--half-life 365d`; None without any."""
    settings = target_settings(options)
    given = {name: value for name, value in settings.items() if value is not None and name != "target_where"}
    return " ".join(f"{flag_of(name)} {shell_word(str(value))}" for name, value in given.items()) or None
