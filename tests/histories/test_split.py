"""What is held out and what of it is a target: the codes of the store and its lengths say the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.histories.history import History
from genpas_cli.histories.split import TEST, TRAIN, UNUSED, VALIDATION, drop_unevaluated
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.splits import Evaluated, HeldOut

CODES: dict[HeldOut, int] = {"validation": VALIDATION, "test": TEST}

users = st.lists(st.tuples(*[st.integers(0, 4)] * 3).filter(any), max_size=9)
"""Interactions of each user in training, validation and test."""


def codes_of(lengths: tuple[int, ...]) -> list[int]:
    """Return the splits of a user's interactions, in order."""
    return [TRAIN] * lengths[0] + [VALIDATION] * lengths[1] + [TEST] * lengths[2]


def targets_of(lengths: tuple[int, ...], split: HeldOut, evaluated: Evaluated) -> list[int]:
    """Return the positions of a user's targets: those with something before them, of these the chosen ones."""
    can_be = [at for at, code in enumerate(codes_of(lengths), 1) if code == CODES[split] and at > 1]
    return {"all": can_be, "first": can_be[:1], "last": can_be[-1:]}[evaluated]


@pytest.mark.parametrize("evaluated", ["all", "first", "last"])
@given(users=users)
def test_the_lengths_give_the_targets(users: list[tuple[int, ...]], evaluated: Evaluated) -> None:
    train, validation, test = np.array(users, np.int64).reshape(-1, 3).T
    lengths = Lengths(train, validation, train + validation + test)
    for split in CODES:
        low, count = lengths.held_out(split, evaluated)
        found = [list(range(a, a + n)) for a, n in zip(low.tolist(), count.tolist(), strict=True)]
        assert found == [targets_of(user, split, evaluated) for user in users]


@pytest.mark.parametrize("evaluated", ["all", "first", "last"])
@given(users=users)
def test_the_codes_mark_what_is_held_out_and_no_target(users: list[tuple[int, ...]], evaluated: Evaluated) -> None:
    owner = np.repeat(np.arange(len(users), dtype=np.int32), [sum(user) for user in users])
    codes = np.array([code for user in users for code in codes_of(user)], np.uint8)
    marked = drop_unevaluated(History(owner, owner, None, pa.record_batch({"user": owner})), codes, evaluated)
    expected = []
    for user in users:
        told = codes_of(user)
        for split, code in CODES.items():
            targets = targets_of(user, split, evaluated)
            for at in range(1, len(told) + 1):
                # Where a split has no target at all, what the user begins with stays held out in it.
                if told[at - 1] == code and evaluated != "all" and targets and at not in targets:
                    told[at - 1] = UNUSED
        expected += told
    assert marked.tolist() == expected
