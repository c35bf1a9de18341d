"""What is held out and what of it is a target: the codes of the store and its lengths say the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.histories.history import History
from genpas_cli.histories.split import (
    TEST,
    TRAIN,
    UNUSED,
    VALIDATION,
    GivenSplit,
    SplitRule,
    drop_unevaluated,
    parse_split,
    split_codes,
)
from genpas_cli.runtime.errors import UsageError
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.splits import Evaluated, HeldOut, InOrder

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
def test_the_lengths_give_the_targets(users: list[tuple[int, ...]], evaluated: InOrder) -> None:
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


def history_of(times: list[list[int]]) -> History:
    """Return the interactions of users at these times."""
    owner = np.repeat(np.arange(len(times), dtype=np.int32), [len(user) for user in times])
    return History(
        owner, owner, np.array([at for user in times for at in user], np.int64), pa.record_batch({"u": owner})
    )


logs = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9).map(sorted), min_size=1, max_size=9)


@given(times=logs, last=st.integers(1, 4))
def test_the_last_interactions_of_each_user_are_held_out(times: list[list[int]], last: int) -> None:
    expected = []
    for user in times:
        held = last if len(user) > 2 * last else 0
        expected += [TRAIN] * (len(user) - 2 * held) + [VALIDATION] * held + [TEST] * held
    assert split_codes(history_of(times), SplitRule("leave-out", last=last)).tolist() == expected


@given(times=logs, bounds=st.lists(st.integers(-1, 10), min_size=2, max_size=2).map(sorted))
def test_two_times_divide_all_users_alike(times: list[list[int]], bounds: list[int]) -> None:
    expected = [
        TEST if at >= bounds[1] else VALIDATION if at >= bounds[0] else TRAIN for user in times for at in user
    ]  # fmt: skip
    assert split_codes(history_of(times), SplitRule("time", tuple(bounds))).tolist() == expected


@given(times=logs, bound=st.integers(-1, 10))
def test_one_time_leaves_the_last_interaction_before_it_to_validation(times: list[list[int]], bound: int) -> None:
    expected = []
    for user in times:
        before = sum(at < bound for at in user)
        codes = [TRAIN] * before + [TEST] * (len(user) - before)
        if before > 1:
            codes[before - 1] = VALIDATION
        expected += codes
    assert split_codes(history_of(times), SplitRule("time", (bound,))).tolist() == expected


@pytest.mark.parametrize(
    ("text", "kind", "bounds", "last"),
    [
        ("none", "none", None, 1), ("leave-one-out", "leave-out", None, 1), ("leave-n-out:3", "leave-out", None, 3),
        ("time:0.9", "time", ("0.9",), 1), ("time:2024-01-01", "time", ("2024-01-01",), 1),
        ("time: 0.8 , 0.9", "time", ("0.8", "0.9"), 1),
    ],
)  # fmt: skip
def test_what_a_split_says(text: str, kind: str, bounds: tuple[str, ...] | None, last: int) -> None:
    assert parse_split(text) == GivenSplit(kind, bounds, last)


@pytest.mark.parametrize(
    "text",
    ["leave-n-out", "leave-n-out:", "leave-n-out:0", "leave-n-out:-1", "leave-n-out:x", "leave-n-out:1.5", "time",
     "time:", "time:1,", "time:1,2,3", "random", "leave-two-out", ""],
)  # fmt: skip
def test_what_is_no_split(text: str) -> None:
    with pytest.raises(UsageError, match=r"--split is|unknown split") as raised:
        parse_split(text)
    assert "--split" in str(raised.value.tip)
