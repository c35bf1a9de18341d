"""`--target-where`: restricts the targets of a store by the user's SQL condition."""

from __future__ import annotations

from functools import partial

import duckdb

from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.sql.conditions import check_memory, examples_in, is_of_a_value, read_condition, refused
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.store import Store

OPTION = "--target-where"

_OF_THE_STORE = ("user_num", "item_num", "split")


def restricted(store: Store, text: str | None, *, of_log: bool) -> Store:
    """Return the store restricted to targets that satisfy a condition over its kept columns.

    Args:
        store: the open store.
        text: one boolean SQL expression; None for no condition.
        of_log: whether the store is the temporary one of a log, for messages.

    Raises:
        UsageError: the text is not such an expression, or it fails on some value.
        MachineError: evaluating it may take more memory than the limit.
        DataError: no possible training target satisfies it.
    """
    if text is None:
        return store
    con = store.database.con
    described = con.execute("describe store.interactions").fetchall()
    columns = {name: kind for name, kind, *_ in described if name not in _OF_THE_STORE}
    rows = con.sql("select * from store.interactions")
    examples = partial(examples_in, rows)
    try:
        condition = read_condition(con, text, columns, examples, option=OPTION)
    except UsageError as error:
        tip = (
            "To use a column of the log, add --keep COLUMN"
            if of_log
            else "To add a column to the store, read the log again: genpas ingest LOGS -o STORE --keep COLUMN"
        )
        raise UsageError(error.message, tip=f"{error.tip}. {tip}" if error.tip else tip) from error
    check_memory(con, condition, rows, memory=store.database.memory)
    try:
        picked = store.restricted(text)
    except duckdb.Error as error:
        if is_of_a_value(error):
            raise refused(con, text, error, columns, examples, option=OPTION) from error
        raise
    assert picked.rule is not None, "made just now"
    if not picked.rule.count["train"].any():
        raise DataError(
            f"{OPTION} {text!r} is true for no training interaction that can be a target (the first interaction of a "
            "user cannot be one)",
            tip="Look at the values in the store: genpas head STORE",
        )
    return picked


def refuse_windows(store: Store, strategy: Strategy) -> None:
    """Raise UsageError if targets are restricted and the strategy's sequence weight needs more than their number."""
    if store.rule is not None and not strategy.sequence.follows_targets:
        raise UsageError(
            f"{OPTION} cannot be combined with {strategy.name}: its number of pairs per target depends on the "
            "position of the target",
            tip="Use similar biases instead: --strategy 2,1,0",
        )
