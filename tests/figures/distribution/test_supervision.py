"""Dense supervision against loops over all pairs and all positions of each, and against pairs that were drawn."""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import AugmentOptions, IngestOptions, StatsOptions, UsageError, augment, ingest, stats
from genpas_cli.augment.source_store import opened_store
from genpas_cli.figures.distribution.supervision import Dense, DenseTargets, supervised
from genpas_cli.figures.plan import stats_plan
from genpas_cli.figures.reports.store_passes import Candidate, StorePasses
from genpas_cli.figures.reports.store_report import store_report
from genpas_cli.figures.rules import check, read_rules
from genpas_cli.figures.table import DenseFigures, SupervisedFigures
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.progress import silent
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.rules.windows import LastOf
from genpas_cli.sampling.strategies import parse_strategy
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.store import Store
from tests import oracle, oracle_figures
from tests.figures.distribution.logs import WHOLE, logs, memory_store, strategies
from tests.properties.strategies import LAST_TARGET
from tests.support import EXACT, InProcess, exactly, refused

LIMITS = st.sampled_from([1, 2, 5, None])
"""Maximum input lengths."""


def dense_of(store: Store, several: list[Strategy], max_input: int | None, cells: int, threads: int = 2) -> list[Dense]:
    """Return what a pass over a store counts."""
    histogram = store.target_histogram()
    dense = DenseTargets(
        several, store.items, histogram=histogram, max_input=max_input, listed=store.rule is not None, cells=cells
    )
    passes = StorePasses(store, histogram, against="test", machine=Machine(threads, 1 << 30, Path()), progress=silent)
    passes.count([Candidate(each, 1, "balanced") for each in several], draws=False, dense=dense)
    return [dense.of(each) for each in several]


def by_item(masses: Mapping[tuple[int, int], Fraction], log: oracle.Log) -> dict[int, float]:
    """Return the mass of each item."""
    found: dict[int, Fraction] = defaultdict(Fraction)
    for (user, i), mass in masses.items():
        found[log.histories[user][i - 1]] += mass
    return {item: float(mass) for item, mass in found.items()}


def tenths(masses: Mapping[tuple[int, int], Any], train: list[int]) -> list[float]:
    """Return the mass in each tenth of the sequences: tenth t holds (t/10, (t + 1)/10] of (i − 1)/(|s| − 1)."""
    found = [Fraction(0)] * 10
    for (user, i), mass in masses.items():
        found[math.ceil(Fraction(10 * (i - 1), train[user] - 1)) - 1] += Fraction(mass)
    return [float(mass) for mass in found]


@given(logs(longest=14), st.lists(strategies(), min_size=1, max_size=3), LIMITS, st.sampled_from([0, 5, 1000]),
       st.sampled_from([1, 2, WHOLE]))  # fmt: skip
def test_items_have_the_mass_of_their_supervised_positions(
    log: oracle.Log, several: list[Strategy], max_input: int | None, cells: int, users_a_run: int
) -> None:
    """To a relative error of 10^-12, however small they are; by tables, without, and with both."""
    several = list({each.name: each for each in several}.values())
    found = dense_of(memory_store(log, users_a_run), several, max_input, cells)
    for strategy, dense in zip(several, found, strict=True):
        pairs = oracle.pair_masses(oracle.rule_of(strategy.name), log.train)
        for sums, per_token in ((dense.per_pair, False), (dense.per_token, True)):
            masses = oracle.supervised_masses(pairs, max_input, per_token=per_token)
            p = sums.p
            assert {item: float(p[item]) for item in np.flatnonzero(p)} == pytest.approx(
                by_item(masses, log), rel=EXACT, abs=0
            )
            assert sums.shares == exactly(tenths(masses, log.train))


@given(logs(longest=14), strategies(), LIMITS)
def test_the_mass_of_a_pair_is_1_and_that_of_its_positions_their_number(
    log: oracle.Log, strategy: Strategy, max_input: int | None
) -> None:
    (dense,) = dense_of(memory_store(log), [strategy], max_input, 1000)
    cuts = oracle.truncated_masses(oracle.rule_of(strategy.name), log.train, max_input)
    assert dense.per_pair.by_item.sum() == exactly(1.0)
    assert dense.per_token.by_item.sum() == exactly(float(sum(mass * (k - j) for (_, k, j), mass in cuts.items())))


@given(logs(), strategies(), LIMITS, st.sampled_from([1e-10, 1e-3]))
def test_the_figures_are_those_of_the_supervised_positions(
    log: oracle.Log, strategy: Strategy, max_input: int | None, epsilon: float
) -> None:
    options = StatsOptions(
        strategy=(strategy.name,), max_input=str(max_input or "none"), epsilon=epsilon, supervision="dense"
    )
    report = store_report(memory_store(log), stats_plan(options), "memory", silent).report
    dense, items = report.strategies[0].dense, log.occurring
    assert dense is not None
    pairs = oracle.pair_masses(oracle.rule_of(strategy.name), log.train)
    for figures, per_token in ((dense.per_pair, False), (dense.per_token, True)):
        masses = oracle.supervised_masses(pairs, max_input, per_token=per_token)
        p = by_item(masses, log)
        for split, kl in (("test", figures.kl_test_train), ("validation", figures.kl_validation_train)):
            held_out = log.held_out_distribution(split)
            assert kl == (None if held_out is None else exactly(oracle_figures.kl(held_out, p, items, epsilon)))
        assert figures.target_coverage == exactly(oracle_figures.coverage(p, items))
        assert figures.effective_targets == exactly(math.exp(oracle_figures.entropy(p.values())))
        assert figures.target_gini == exactly(oracle_figures.gini(p, items))
        assert figures.popularity_deciles == exactly(oracle_figures.popularity_deciles(p, log))
        assert figures.target_position_histogram == exactly(tenths(masses, log.train))


@given(logs(), strategies(), LIMITS)
def test_the_other_figures_are_those_without(log: oracle.Log, strategy: Strategy, max_input: int | None) -> None:
    options = StatsOptions(strategy=(strategy.name,), max_input=str(max_input or "none"))
    without, beside = (
        store_report(memory_store(log), stats_plan(each), "memory", silent).report.strategies[0]
        for each in (options, replace(options, supervision="dense"))
    )
    assert without.dense is None
    assert replace(beside, dense=None) == without


@given(logs(), st.sampled_from([1, 3]))
def test_the_figures_do_not_depend_on_threads(log: oracle.Log, users_a_run: int) -> None:
    several = [parse_strategy(name) for name in ("1,0,0", "1,0,-inf", "0.5,1,-1", "recency:keep=0.8", "last-target")]
    one, many = (
        dense_of(memory_store(log, users_a_run), several, 4, 5, threads=threads) for threads in (1, 3)
    )  # fmt: skip
    for first, second in zip(one, many, strict=True):
        for sums, others in zip(first, second, strict=True):
            np.testing.assert_array_equal(sums.by_item, others.by_item)
            np.testing.assert_array_equal(sums.tenths, others.tenths)


def test_a_trainer_with_inputs_of_one_item_learns_from_the_targets() -> None:
    log = oracle.Log([[1, 2, 3, 1, 2], [3, 1, 3], [2]], [5, 3, 1], [0, 0, 0])
    for name in ("1,0,0", "0.5,1,-1", "last-target"):
        (dense,) = dense_of(memory_store(log), [parse_strategy(name)], 1, 1000)
        p = oracle.target_distribution(oracle.rule_of(name), log)
        for sums in dense:
            assert {item: float(sums.p[item]) for item in np.flatnonzero(sums.p)} == exactly(
                {item: float(mass) for item, mass in p.items()}
            )


@given(logs())
def test_last_target_without_a_limit_learns_from_the_targets_of_multi_target(log: oracle.Log) -> None:
    (dense,) = dense_of(memory_store(log), [LAST_TARGET], None, 1000)
    p = oracle.target_distribution(oracle.rule_of("multi-target"), log)
    assert {item: float(dense.per_token.p[item]) for item in np.flatnonzero(dense.per_token.p)} == exactly(
        {item: float(mass) for item, mass in p.items()}
    )


def test_whole_histories_are_last_target_without_a_limit() -> None:
    """A trainer that reads each user once, as SASRec does: every position of every sequence, users equal or not."""
    log = oracle.Log([[1, 2, 3, 1, 2], [3, 1, 3]], [5, 3], [0, 0])
    (dense,) = dense_of(memory_store(log), [parse_strategy("last-target")], None, 1000)
    assert dense.per_token.p[1:4].tolist() == exactly([2 / 6, 2 / 6, 2 / 6])
    assert dense.per_pair.p[1:4].tolist() == exactly([1 / 8 + 1 / 4, 2 / 8, 1 / 8 + 1 / 4])


# --------------------------------------------------------------------------------- restricted and weighted targets


History = list[tuple[int, int, float]]
"""One user's interactions in order: item, time, score."""


@st.composite
def scored_logs(draw: st.DrawFn) -> list[History]:
    """Give logs with ties, scores of 0 and users of one interaction; one user has targets for every condition."""
    score = st.sampled_from([0.0, 1.0]) | st.floats(1e-3, 1e3).map(lambda x: round(x, 6))
    event = st.tuples(st.integers(0, 6), st.integers(0, 200), score)
    users = draw(st.lists(st.lists(event, min_size=1, max_size=12), max_size=6))
    sure = [(1, 1, 1.0), (2, 2, 1.5), (3, 3, 1.0), (1, 3, 0.0), (1, 4, 2.0), (2, 5, 1.0), (2, 6, 1.0)]
    return [sure, *(sorted(user, key=lambda row: row[1]) for user in users)]


def weighted_pairs(train: list[History], strategy: str, weigh: Any) -> dict[oracle.Cut, Fraction]:
    """Return p(s, k, j), with the weights of targets."""
    rule, found = oracle.rule_of(strategy), {}
    of_user = [
        {k: Fraction(weigh(history[k - 1][2])) for k in range(2, len(history) + 1) if weigh(history[k - 1][2]) > 0}
        for history in train
    ]
    masses = oracle.sequence_masses(rule.alpha, [len(targets) + 1 if targets else 0 for targets in of_user])
    for user, targets in enumerate(of_user):
        if not targets or masses[user] == 0:
            continue
        shares = [p * w for p, w in zip(oracle.pmf(rule.beta, len(targets)), targets.values(), strict=True)]
        mass = masses[user] * sum(targets.values()) / len(targets)
        for k, share in zip(targets, shares, strict=True):
            for j, start in enumerate(oracle.pmf(rule.gamma, k - 1), start=1):
                found[user, k, j] = mass * share / sum(shares) * start
    total = sum(found.values())
    return {cut: mass / total for cut, mass in found.items()}


@settings(max_examples=40, deadline=None)
@given(
    scored_logs(), st.sampled_from(["1,0,0", "0.5,1,-1", "1,-2,inf", "multi-target", "last-target",
                                    "recency:keep=0.8", "windows:width=3"]), LIMITS,
    st.sampled_from(["where", "weight"]),
)  # fmt: skip
def test_restricted_and_weighted_targets(
    log: list[History], strategy: str, max_input: int | None, kind: str
) -> None:  # fmt: skip
    """Targets k are those that are left, with their weights; a trainer learns from all positions up to k."""
    weigh = (lambda score: float(score >= 1)) if kind == "where" else (lambda score: score)
    options = StatsOptions(target_where="score >= 1") if kind == "where" else StatsOptions(target_weight="score")
    with tempfile.TemporaryDirectory() as root:
        rows = [f"u{n},i{item},{at},{score!r}" for n, user in enumerate(log) for item, at, score in user]
        (Path(root) / "log.csv").write_text("\n".join(["user_id,item_id,timestamp,score", *rows]) + "\n")
        ingest(Path(root) / "log.csv", Path(root) / "log.store", IngestOptions(keep=("score",)))
        with opened_store(Path(root) / "log.store", options, progress=silent) as opened:
            (dense,) = dense_of(opened.store, [parse_strategy(strategy)], max_input, 1000)
            names = pa.concat_arrays([batch.column(1) for batch in opened.store.vocabulary("items")]).to_pylist()
    train = [user[:-2] if len(user) > 2 else user for user in log]
    pairs = weighted_pairs(train, strategy, weigh)
    for sums, per_token in ((dense.per_pair, False), (dense.per_token, True)):
        masses = oracle.supervised_masses(pairs, max_input, per_token=per_token)
        expected: dict[str, Fraction] = defaultdict(Fraction)
        for (user, i), mass in masses.items():
            expected[f"i{log[user][i - 1][0]}"] += mass
        found = {name: float(mass) for name, mass in zip(names, sums.p[1:], strict=True) if mass}
        assert found == pytest.approx({name: float(mass) for name, mass in expected.items()}, rel=1e-12, abs=1e-15)
        assert sums.shares == exactly(tenths(masses, [len(user) for user in train]))


# ------------------------------------------------------------------------------------------------------- the sums


def test_the_sums_of_long_sequences_stop_at_the_longest_input() -> None:
    """Windows, limits and whole prefixes of 200,000 positions take time in proportion; (j^γ, no limit) does not."""
    length = np.array([1, 1000, 200_000])
    weight = np.full(int(length.sum()), 1e-6)
    weight[[0, 1, 1001]] = 0
    last = np.arange(200_000, 0, -1)
    whole = supervised(weight, length, PowerLaw(-math.inf), None)
    assert whole.per_token[-199_999:] == pytest.approx(1e-6 * last[1:], rel=1e-9)
    windows = supervised(weight, length, LastOf(3), None)
    assert windows.per_token[-200_000 + 3 : -3] == pytest.approx(3e-6, rel=EXACT)
    limited = supervised(weight, length, PowerLaw(-math.inf), 5)
    assert limited.per_pair[-200_000 + 5 : -5] == pytest.approx(1e-6, rel=EXACT)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8).map(sorted), st.integers(0, 2**32 - 1))
def test_whole_prefixes_are_the_general_sums(lengths: list[int], seed: int) -> None:
    """γ = −50 is γ = −∞ to 10^-12, and takes the general way; small masses keep their digits beside large ones."""
    length = np.array(lengths)
    weight = 10.0 ** np.random.default_rng(seed).uniform(-200, 0, int(length.sum()))
    weight[np.cumsum(length) - length] = 0
    for short, general in zip(
        supervised(weight, length, PowerLaw(-math.inf), None), supervised(weight, length, PowerLaw(-50.0), None),
        strict=True,
    ):  # fmt: skip
        assert short == pytest.approx(general, rel=EXACT, abs=0)


# ------------------------------------------------------------------------------------------------- existing pairs


def figures_of(dense: DenseFigures | None) -> list[SupervisedFigures]:
    """Return the figures of both ways."""
    assert dense is not None
    return [dense.per_pair, dense.per_token]


@pytest.mark.parametrize("form", ["items", "cuts"])
def test_enumerated_pairs_have_the_exact_figures(store: Path, tmp_path: Path, form: Any) -> None:
    """With each pair once, nothing is left to chance."""
    augment(store, tmp_path / "p", AugmentOptions(strategy="multi-target", max_input="7", form=form))
    report = stats(tmp_path / "p", StatsOptions(supervision="dense"), store=store)
    assert report.measured is not None
    for measured, exact in zip(figures_of(report.measured.dense), figures_of(report.strategies[0].dense), strict=True):
        for key, value in vars(exact).items():
            assert getattr(measured, key) == exactly(value), key
    alone = stats(tmp_path / "p", StatsOptions(supervision="dense"))
    assert alone.measured is not None
    for one, other in zip(figures_of(alone.measured.dense), figures_of(report.measured.dense), strict=True):
        assert one.target_position_histogram is one.popularity_deciles is None
        assert one.kl_test_train == exactly(other.kl_test_train)
        assert one.effective_targets == exactly(other.effective_targets)


@pytest.mark.parametrize("strategy", ["0.5,1,-1", "recency:keep=0.8"])
def test_drawn_pairs_have_the_figures_of_the_formulas(store: Path, tmp_path: Path, strategy: str) -> None:
    """Shares of tenths by position and popularity lie within 5.5 standard errors of independent pairs.

    A share p of N pairs has a standard error of at most √(p (1 − p) / N) per pair; per token, a pair counts with its
    length relative to the mean, so that it is at most max ℓ / mean ℓ times as large. 80 shares are compared: a false
    alarm has a probability below 10^-5.
    """
    pairs = 100_000
    chosen = AugmentOptions(strategy=strategy, draw="independent", pairs=str(pairs), max_input="10", seed=3)
    augment(store, tmp_path / "p", chosen)
    report = stats(tmp_path / "p", StatsOptions(supervision="dense"), store=store)
    assert report.measured is not None
    longest = 10 / report.strategies[0].mean_input_length
    both = zip(figures_of(report.measured.dense), figures_of(report.strategies[0].dense), (1.0, longest), strict=True)
    for measured, exact, factor in both:
        for key in ("target_position_histogram", "popularity_deciles"):
            found, expected = np.array(getattr(measured, key)), np.array(getattr(exact, key))
            assert found.sum() == exactly(1.0)
            error = factor * np.sqrt(expected * (1 - expected) / pairs)
            assert (np.abs(found - expected) < 5.5 * error + EXACT).all(), key


def test_a_pair_of_another_tool_without_input_supervises_its_target(tmp_path: Path) -> None:
    table = pa.table({"x": [[], ["a"], ["a", "b", "a"]], "y": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "train.parquet")
    options = StatsOptions(supervision="dense", input_column="x", target_column="y")
    report = stats(tmp_path / "train.parquet", options)
    assert report.measured is not None
    per_pair, per_token = figures_of(report.measured.dense)
    # Per pair: a 1/3 + 1/9, b 1/3 + 1/9, c 1/9. Per token: a 2/5, b 2/5, c 1/5.
    assert per_pair.effective_targets == exactly(math.exp(oracle_figures.entropy([4 / 9, 4 / 9, 1 / 9])))
    assert per_token.effective_targets == exactly(math.exp(oracle_figures.entropy([2 / 5, 2 / 5, 1 / 5])))


# --------------------------------------------------------------------------------------------------- the command


def test_an_unknown_supervision_is_refused(inside: InProcess, store: Path, pairs: Path) -> None:
    for source in (store, pairs):
        refused(inside("stats", source, "--supervision", "every"), 2, "every", "last", "dense")
    with pytest.raises(UsageError, match=r"supervision is 'every'; it must be .*last.*dense"):
        stats(store, supervision="every")  # type: ignore[arg-type]  # this is the point


def test_the_audit_of_a_split_has_no_supervision(inside: InProcess, tmp_path: Path) -> None:
    done = inside("stats", "--split-of", tmp_path, "--supervision", "dense")
    refused(done, 2, "--supervision", "--split-of")


def test_csv_has_columns_for_dense_supervision_only_when_it_was_asked_for(store: Path) -> None:
    without, beside = stats(store, strategy=["1,0,0"]), stats(store, strategy=["1,0,0"], supervision="dense")
    more = {key: values for key, values in beside.by_column().items() if key.startswith("dense.")}
    assert without.by_column() == {key: value for key, value in beside.by_column().items() if key not in more}
    dense = beside.strategies[0].dense
    assert dense is not None
    assert more["dense.per_pair.kl_test_train"] == [dense.per_pair.kl_test_train]
    assert more["dense.per_token.target_gini"] == [dense.per_token.target_gini]
    assert len(more) == 16


def test_rules_read_the_figures_of_dense_supervision(store: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[every-strategy]\nfail = ["dense.per_token.kl_test_train < 0"]\n')
    rules = read_rules(str(tmp_path / "rules.toml"))
    (beside,) = check(stats(store, strategy=["1,0,0"], supervision="dense"), rules)
    (without,) = check(stats(store, strategy=["1,0,0"]), rules)
    assert beside.value is not None
    assert beside.value > 0
    assert not beside.held
    assert without.value is None
    assert not without.held
    assert "dense supervision, per_token.kl_test_train" in beside.found
