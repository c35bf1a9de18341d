"""Held-out inputs in groups of targets: what the groups are, what is found in them, and that figures do not depend on
them.
"""  # noqa: D205  # one sentence

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.figures.distribution import alignment, held_out, key_table
from genpas_cli.figures.distribution.held_out import ITEM_BYTES, TargetGroup, target_groups
from genpas_cli.figures.distribution.key_table import KeyTable
from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.strategies import MULTI_TARGET
from tests import oracle, oracle_figures
from tests.figures.distribution.logs import Case, cases
from tests.support import approximately, exactly

keys = st.one_of(st.integers(0, 40), st.integers(0, 2**63 - 1))


@given(st.lists(keys, unique=True, max_size=60), st.lists(keys, max_size=60), st.integers(1, 10))
def test_a_key_is_found_where_it_stands(listed: list[int], others: list[int], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_table, "_AT_ONCE", at_once)
        table = KeyTable(np.array(listed, np.int64))
    asked = [*others, *listed]
    place = {key: index for index, key in enumerate(listed)}
    assert table.find(np.array(asked, np.int64)).tolist() == [place.get(key, -1) for key in asked]


def test_keys_that_meet_at_a_place_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyTable, "_places", lambda self, keys: np.full(len(keys), len(self._index) - 2))
    table = KeyTable(np.arange(10, 100, 10))
    assert table.find(np.arange(0, 110, 5)).tolist() == [
        n // 2 - 1 if n % 2 == 0 and 0 < n < 20 else -1 for n in range(22)
    ]


counts = st.lists(st.sampled_from([0, 0, 1, 2, 7, 30]), min_size=1, max_size=40).map(lambda of: np.array([0, *of]))


@given(counts, st.integers(1, 100), st.integers(1, 4000), st.none() | st.integers(1, 50))
def test_groups_have_each_held_out_target_once_and_no_more_than_memory_holds(
    count: Ints, window: int, most: int, widest: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if widest is not None:  # as with a vocabulary so large that a key would not fit 63 bits
            patch.setattr(held_out, "_SIZE_BITS", 63 - (widest * len(count)).bit_length())
        groups = target_groups(count, window, most * ITEM_BYTES)
    numbers, items = np.arange(len(count), dtype=np.int32), np.zeros(len(count), np.int64)
    for group in groups:
        of_group = window * count[group.has(numbers)].sum()
        assert group.skip == items[group.has(numbers)].max(), "a part begins where the one before ends"
        assert group.most == min(most, of_group - group.skip)
        items[group.has(numbers)] += group.most
        assert widest is None or group.last - group.first < 2 * widest
        assert group.skip == 0 or group.first == group.last, "only a single target is in parts"
    assert (items > 0).tolist() == (count > 0).tolist()


def ranges(groups: list[TargetGroup]) -> list[tuple[int, int, int, int]]:
    """Return what tells groups apart."""
    return [(group.first, group.last, group.skip, group.most) for group in groups]


def test_there_are_as_few_groups_as_memory_allows() -> None:
    count = np.array([0, 5, 0, 3, 9, 0])
    assert ranges(target_groups(count, 10, 170 * ITEM_BYTES)) == [(1, 4, 0, 170)]
    assert ranges(target_groups(count, 10, 169 * ITEM_BYTES)) == [(1, 3, 0, 80), (4, 4, 0, 90)]
    assert ranges(target_groups(count, 10, 40 * ITEM_BYTES)) == [
        (1, 1, 0, 40), (1, 1, 40, 10), (3, 3, 0, 30), (4, 4, 0, 40), (4, 4, 40, 40), (4, 4, 80, 10),
    ]  # fmt: skip


def groups_of(items: int) -> Callable[[Ints, int, int], list[TargetGroup]]:
    """Return `target_groups` with memory for so many items of inputs."""
    return lambda count, window, _: target_groups(count, window, items * ITEM_BYTES)


@given(cases(), st.integers(1, 30))
def test_groups_do_not_matter(case: Case, items: int) -> None:
    whole = case.figures()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "target_groups", groups_of(items))
        parts = case.figures()
    # A / D is decided by rounding where D is next to nothing.
    assert asdict(replace(parts, alignment_ratio=None)) == approximately(asdict(replace(whole, alignment_ratio=None)))


def test_each_group_is_compared_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two users are asked for item 3 after the items 1 and 2, one for item 2 after all three: two items at a time."""
    log = oracle.Log([[1, 2, 1, 3, 3], [2, 1, 2, 3, 3], [3, 2, 1, 2]], [4, 4, 3], [0, 0, 0])
    stages: list[str] = []
    monkeypatch.setattr(alignment, "target_groups", groups_of(2))
    case = Case(log, MULTI_TARGET, window=2)
    figures = case.figures(progress=lambda stage, *_: stages.append(stage))
    assert [stage for stage in dict.fromkeys(stages) if "of 3" in stage] == [
        f"{what} ({number} of 3)" for number in (1, 2, 3) for what in ("reading held-out inputs", "comparing inputs")
    ]
    expected = oracle_figures.alignment(case.rule, log, oracle_figures.Comparison("containment", 2, figures.pairs))
    assert (figures.alignment, figures.discrimination) == exactly(expected)


@given(cases(), st.integers(1, 30), st.integers(1, 3))
def test_groups_over_several_runs_of_users_do_not_matter(case: Case, items: int, users: int) -> None:
    whole = case.report().strategies[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "target_groups", groups_of(items))
        parts = case.report(users_a_run=users).strategies[0]
    assert asdict(replace(parts, alignment_ratio=None)) == approximately(asdict(replace(whole, alignment_ratio=None)))
