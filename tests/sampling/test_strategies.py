"""The named strategies, triples, and the enumeration of pairs."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.runtime.errors import UsageError
from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.rules import USAGES
from genpas_cli.sampling.rules.slide_window import PairCountWeights
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategies import COMPARED, RULES, parse_strategy, triple
from genpas_cli.sampling.strategy import Enumeration
from tests import oracle
from tests.properties.strategies import ENUMERATED, SLIDE_WINDOW

KEEP = "recency:keep (ratio of the probability of a target to that of the next target)"
WIDTH = "windows:width (maximum number of input items)"


@pytest.mark.parametrize(
    ("name", "alpha", "beta", "gamma"),
    [
        ("last-target", 0, math.inf, -math.inf),
        ("multi-target", 1, 0, -math.inf),
        ("slide-window", None, 1, 0),
    ],
)
def test_names(name: str, alpha: float | None, beta: float, gamma: float) -> None:
    found = parse_strategy(name)
    assert (found.name, found.alpha, found.beta, found.gamma) == (name, alpha, beta, gamma)
    assert found.sequence == (PairCountWeights() if alpha is None else SequencePowerLaw(alpha))
    assert (found.target, found.input) == (PowerLaw(beta), PowerLaw(gamma))
    assert found.enumeration is not None


@pytest.mark.parametrize(
    ("text", "name", "biases"),
    [
        ("1,0,0", "1,0,0", (1, 0, 0)),
        ("2, 1.0 ,-0.5", "2,1,-0.5", (2, 1, -0.5)),
        ("0,inf,-inf", "0,inf,-inf", (0, math.inf, -math.inf)),
        ("-50,+50,1e-7", "-50,50,1e-07", (-50, 50, 1e-7)),
        ("0.1234567,0,0", "0.1234567,0,0", (0.1234567, 0, 0)),
    ],
)
def test_triples(text: str, name: str, biases: tuple[float, float, float]) -> None:
    found = parse_strategy(text)
    assert (found.alpha, found.beta, found.gamma) == biases
    assert found.sequence == SequencePowerLaw(biases[0])
    assert (found.target, found.input) == (PowerLaw(biases[1]), PowerLaw(biases[2]))
    assert found.enumeration is None
    assert found.name == name
    assert parse_strategy(found.name) == found


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("multi-targt", "multi-target"),
        ("Slide-Window", "slide-window"),
        ("last_target", "last-target"),
        ("slide", "slide-window"),
        ("xyz", None),
        ("", None),
        ("a,b,c", None),
    ],
)
def test_what_is_unknown_names_the_nearest(text: str, suggestion: str | None) -> None:
    with pytest.raises(UsageError, match="last-target, multi-target, slide-window") as caught:
        parse_strategy(text)
    assert repr(text) in caught.value.message
    assert caught.value.tip == (f"Did you mean --strategy {suggestion}?" if suggestion else None)


@pytest.mark.parametrize(("text", "number"), [("0.5", "1 bias;"), ("1,0", "2 biases;"), ("1,0,0,0", "4 biases;")])
def test_a_strategy_has_three_biases(text: str, number: str) -> None:
    with pytest.raises(UsageError, match=f"--strategy '{text}' has {number} .*three"):
        parse_strategy(text)


@pytest.mark.parametrize(
    ("text", "name"), [("nan,0,0", "alpha"), ("0,51,0", "beta"), ("0,0,-50.0001", "gamma"), ("0,0,1e999", None)]
)
def test_a_bias_out_of_range_is_named(text: str, name: str | None) -> None:
    if name is None:  # 1e999 is what floats call inf
        assert parse_strategy(text).gamma == math.inf
        return
    with pytest.raises(UsageError, match=f"^{name} is "):
        parse_strategy(text)


def test_triples_of_whole_numbers_are_named_alike() -> None:
    assert triple(1, 0, 0).name == triple(1.0, 0.0, 0.0).name == triple(np.float64(1), 0, 0).name == "1,0,0"


# ------------------------------------------------------------------------------------------------ rules with parameters


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("recency:keep=0.8", "recency:keep=0.8"),
        ("recency: keep = .80 ", "recency:keep=0.8"),
        ("recency:gamma=-inf,keep=0.8,alpha=0", "recency:keep=0.8"),
        ("recency:gamma=0,keep=8e-1,alpha=1", "recency:keep=0.8,alpha=1,gamma=0"),
        ("recency:keep=1", "recency:keep=1"),
        ("windows:width=20", "windows:width=20"),
        ("windows:width=2e1", "windows:width=20"),
    ],
)
def test_one_setting_has_one_name(text: str, name: str) -> None:
    found = parse_strategy(text)
    assert found.name == name
    assert parse_strategy(found.name) == found
    assert dict(found.parameters) == dict(parse_strategy(name).parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recency", "recency needs keep"),
        ("recency:", "recency needs keep"),
        ("recency:alpha=1", "recency needs keep"),
        ("recency:keep", "keep has no value"),
        ("recency:keep=", "keep has no value"),
        ("recency:kep=0.8", "no parameter 'kep'"),
        ("recency:keep=0.8,keep=0.9", "keep is given twice"),
        ("recency:keep=0.8,", "no parameter ''"),
        ("recency:keep=x", "is 'x'; it must be a number from 1e-06 to 1"),
        ("recency:keep=0", f"{KEEP} is '0'"),
        ("recency:keep=1.1", f"{KEEP} is '1.1'"),
        ("recency:keep=nan", f"{KEEP} is 'nan'"),
        ("recency:keep=0.8,alpha=51", "alpha is 51"),
        ("windows:width=0", f"{WIDTH} is '0'; it must be a whole number from 1"),
        ("windows:width=2.5", f"{WIDTH} is '2.5'"),
        ("windows:width=inf", f"{WIDTH} is 'inf'"),
        ("multi-target:keep=1", "multi-target has no parameter 'keep'; it takes no parameters"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_strategy(text)
    assert message in caught.value.message


def test_a_new_rule_changes_no_default_list() -> None:
    assert COMPARED == ("last-target", "multi-target", "slide-window", "1,0,0")


def test_every_rule_is_registered_and_described() -> None:
    from genpas_cli.sampling import rules

    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py") if "\nRULE = " in path.read_text("utf-8")}
    assert files == {name.replace("-", "_") for name in RULES}
    for name, rule in RULES.items():
        assert rule.name == name
        made = parse_strategy(USAGES[name])
        assert rule.summary.endswith(".")
        assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301  # our own
        assert [key for key, _ in made.parameters] == list(rule.parameters)


# ------------------------------------------------------------------------------------------------------- enumeration


def unranked(enumeration: Enumeration, rank: Ints, targets: Ints) -> tuple[Ints, Ints]:
    """Return the target position k and the input start j of pairs, where every position but the first is a target."""
    number, index = enumeration.unrank(rank, targets)
    return number + 1, enumeration.start(index, number + 1)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("last-target", lambda n: n // n, id="1"),
        pytest.param("multi-target", lambda n: n - 1, id="n - 1"),
        pytest.param("slide-window", lambda n: n * (n - 1) // 2, id="n(n - 1)/2"),
        pytest.param("windows:width=20", lambda n: n - 1, id="as multi-target"),
    ],
)
def test_counts(name: str, count: object) -> None:
    enumeration = ENUMERATED[name].enumeration
    assert enumeration is not None
    n = [2, 3, 10, 1000, 10**6]
    assert enumeration.count(np.array(n) - 1).tolist() == [count(k) for k in n]  # type: ignore[operator]
    assert enumeration.count(np.array([0])).tolist() == [0]


@pytest.mark.parametrize("name", ENUMERATED)
@pytest.mark.parametrize("length", [2, 3, 4, 9, 60])
def test_unranking_gives_every_pair_once_and_in_order(name: str, length: int) -> None:
    enumeration = ENUMERATED[name].enumeration
    assert enumeration is not None
    expected = [(k, j) for _, k, j in oracle.enumerate_pairs(name, [length])]
    count = int(enumeration.count(np.array([length - 1]))[0])
    k, j = unranked(enumeration, np.arange(count), np.full(count, length - 1))
    assert list(zip(k.tolist(), j.tolist(), strict=True)) == expected


@pytest.mark.parametrize("name", ENUMERATED)
@given(length=st.integers(2, 40))
def test_rank_is_the_inverse_of_unrank(name: str, length: int) -> None:
    enumeration = ENUMERATED[name].enumeration
    assert enumeration is not None
    pairs = oracle.enumerate_pairs(name, [length])
    k, j, m = (np.array(column) for column in zip(*((k, j, length - 1) for _, k, j in pairs), strict=True))
    assert enumeration.rank(k - 1, j, m).tolist() == list(range(len(pairs)))


@pytest.mark.parametrize("name", ENUMERATED)
@given(m=st.integers(1, 2**31 - 2), data=st.data())
def test_rank_undoes_unrank_in_sequences_of_any_length(name: str, m: int, data: st.DataObject) -> None:
    enumeration = ENUMERATED[name].enumeration
    assert enumeration is not None
    targets = np.array([m])
    rank = np.array([data.draw(st.integers(0, int(enumeration.count(targets)[0]) - 1))])
    k, j = unranked(enumeration, rank, targets)
    assert 1 <= j[0] < k[0] <= m + 1
    assert enumeration.rank(k - 1, j, targets).tolist() == rank.tolist()


LARGEST_RANK = 3_037_000_499 * 3_037_000_498 // 2 + 3_037_000_498
"""Last rank that unranks: beyond it t(t + 1) leaves int64. It is 2^62 − 2.1·10^9; positions below 2^31 need 2^61."""


@given(
    t=st.integers(1, 3_037_000_499) | st.integers(94_906_200, 94_906_400) | st.integers(67_108_800, 67_108_900),
    beside=st.integers(-2, 2),
)
def test_unranking_is_exact_beside_triangular_numbers(t: int, beside: int) -> None:
    """Also where ranks leave the whole numbers that a float holds: 8·rank = 2^53 is at t = 67,108,864."""
    rank = min(max(t * (t - 1) // 2 + beside, 0), LARGEST_RANK)
    assert SLIDE_WINDOW.enumeration is not None
    k, j = (int(a[0]) for a in unranked(SLIDE_WINDOW.enumeration, np.array([rank]), np.array([t])))
    assert 1 <= j < k
    assert (k - 1) * (k - 2) // 2 + j - 1 == rank


def test_the_largest_ranks_unrank() -> None:
    rank = np.array([LARGEST_RANK, 2**61, 2**61 - 1])
    assert SLIDE_WINDOW.enumeration is not None
    k, j = (a.tolist() for a in unranked(SLIDE_WINDOW.enumeration, rank, rank))
    assert [(a - 1) * (a - 2) // 2 + b - 1 for a, b in zip(k, j, strict=True)] == rank.tolist()
    assert (k[0], j[0]) == (3_037_000_500, 3_037_000_499)
