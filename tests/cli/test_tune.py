"""`genpas tune` on the command line, and the two selections."""

from __future__ import annotations

import math
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from genpas_cli import TuneOptions, ingest, tune
from genpas_cli.figures.distribution.selection import canonical_order, front, published
from genpas_cli.training.tune import parse_values
from tests.support import InProcess, approximately, refused, unchanged

DATA, USAGE = 1, 2

REAL = Path(os.environ.get("GENPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")


def test_every_configuration_of_the_grid_is_there_and_the_winner_is_first(inside: InProcess, store: Path) -> None:
    report = inside.json("tune", store, "--alpha", "0:1:0.5", "--beta", "0,inf", "--gamma", "-inf,1", "--json")
    assert report["grid"] == {"alpha": [0, 0.5, 1], "beta": [0, "inf"], "gamma": ["-inf", 1]}
    names = [row["name"] for row in report["configurations"]]
    assert len(set(names)) == 12
    assert report["winner"] == names[0]
    assert [row["front_rank"] for row in report["configurations"] if row["front_rank"]][:2] == [1, 2]


def test_the_command_of_the_winner_works(inside: InProcess, store: Path) -> None:
    report = inside.json("tune", store, "--alpha", "0,1", "--beta", "0,1", "--gamma", "-inf,0", "--json")
    done = inside(*shlex.split(report["command"])[1:], "-o", "best.pairs", "--json")
    assert f'"strategy": "{report["winner"]}"' in done.stdout


def test_figures_are_those_of_stats(inside: InProcess, store: Path) -> None:
    row = inside.json("tune", store, "--alpha", "0.5", "--beta", "1", "--gamma", "0", "--json")["configurations"][0]
    (figures,) = inside.json("stats", store, "-s", "0.5,1,0", "--json")["strategies"]
    assert row["kl"] == figures["kl_validation_train"]
    assert row["kl_drawn"] == figures["drawn"][0]["kl_validation_train"]


def test_named_strategies_are_ranked_beside_the_grid(inside: InProcess, store: Path) -> None:
    named = ["recency:keep=0.8", "windows:width=3", "multi-target"]
    grid = ["--alpha", "0,1", "--beta", "0", "--gamma", "-inf,0"]
    report = inside.json(
        "tune", store, *grid, *(word for name in named for word in ("-s", name)), "--html", "t.html", "--json"
    )
    assert report["strategies"] == named
    assert {row["name"] for row in report["configurations"]} == {"0,0,-inf", "1,0,-inf", "0,0,0", "1,0,0", *named}
    assert report["grid"] == {"alpha": [0, 1], "beta": [0], "gamma": ["-inf", 0]}
    rows = {row["name"]: row for row in report["configurations"]}
    assert (rows["recency:keep=0.8"]["alpha"], rows["recency:keep=0.8"]["beta"]) == (0, None)
    figures = inside.json("stats", store, *(word for name in named for word in ("-s", name)), "--json")["strategies"]
    assert [rows[name]["kl"] for name in named] == [each["kl_validation_train"] for each in figures]
    drawn = [each["drawn"][0]["kl_validation_train"] for each in figures]
    assert [rows[name]["kl_drawn"] for name in named] == approximately(drawn)
    page = (inside.cwd / "t.html").read_text(encoding="utf-8")
    assert all(name in page for name in named)


def test_the_command_of_a_named_winner_works(inside: InProcess, store: Path) -> None:
    # The targets of the only other configuration are the first ones of the longest sequence.
    report = inside.json(
        "tune", store, "--alpha", "inf", "--beta", "-50", "--gamma", "-inf", "-s", "recency:keep=0.9", "--json"
    )
    assert report["winner"] == "recency:keep=0.9"
    done = inside(*shlex.split(report["command"])[1:], "-o", "best.pairs", "--json")
    assert '"strategy": "recency:keep=0.9"' in done.stdout


def test_a_strategy_that_is_unknown_is_refused_before_anything_is_read(inside: InProcess) -> None:
    refused(inside("tune", "none.csv", "-s", "recencyy"), USAGE, "recencyy", "recency:keep")


def test_the_test_split_is_never_read(inside: InProcess, log: Path, pairs: Path) -> None:
    """Other last interactions of all users, other test targets: the same search to the last digit."""
    lines = log.read_text(encoding="utf-8").splitlines()
    last = {line.split(",")[0]: number for number, line in enumerate(lines) if number}
    for number in last.values():
        user, _, time = lines[number].split(",")
        lines[number] = f"{user},i1,{time}"
    (inside.cwd / "changed.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    searches = []
    for source in (log, "changed.csv"):
        # The numbering is fixed, as the vocabulary may differ.
        report = inside.json(
            "tune", source, "--items", pairs / "items.parquet", "--json", "--alpha", "0,1", "--beta", "0,1"
        )
        searches.append({key: value for key, value in report.items() if key not in ("source", "command")})
    assert searches[0] == searches[1]


def test_the_table_has_both_ranks(inside: InProcess, store: Path) -> None:
    done = inside("tune", store, "--alpha", "0,1", "--beta", "0", "--gamma", "0")
    assert "front" in done.stdout
    assert "published" in done.stdout
    assert "genpas augment" in done.stderr


GRIDS = [
    ("0:1:0.5", "0,1", "-1,0,1"), ("1,0.5,0", "1,0", "1,0,-1"), ("0.5,0,1,0", "1,0,1", "0,1,-1,1"),
    ("0,-0,0.5:1:0.5", "-0,1", "1,-1,0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("0:0.35:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("-0.3:0:0.1", [-0.3, -0.2, -0.1, 0.0]),
        ("1:1:0.1,-inf,0.5", [-math.inf, 0.5, 1.0]),
    ],
)
def test_a_range_has_both_ends_however_its_steps_are_rounded(text: str, values: list[float]) -> None:
    assert parse_values(text, "alpha") == values


@pytest.mark.parametrize("select", ["front", "published"])
def test_no_result_depends_on_the_order_of_a_list(store: Path, select: Literal["front", "published"]) -> None:
    reports = [
        tune(store, TuneOptions(alpha=alpha, beta=beta, gamma=gamma, select=select)) for alpha, beta, gamma in GRIDS
    ]
    assert len(reports[0].configurations) == 18
    for report in reports[1:]:
        assert replace(report, made_with=None) == replace(reports[0], made_with=None)


def test_gamma_is_not_decided_by_figures_of_the_front(inside: InProcess, store: Path) -> None:
    given = ("tune", store, "--alpha", "0,1", "--beta", "0,1")
    report = inside.json(*given, "--gamma=1,-1,0,inf", "--json")
    assert [name.split(",")[2] for name in report["undecided"]] == ["0", "-1", "1", "inf"]
    assert report["undecided"] == [row["name"] for row in report["configurations"][:4]]
    assert report["winner"] == report["undecided"][0]
    said = inside(*given, "--gamma=1,0").stderr
    assert "These figures cannot choose γ" in said
    assert "To choose by training: --train-top 2" in said
    for decided in (("--gamma=1",), ("--gamma=1,0", "--select", "published")):
        assert inside.json(*given, *decided, "--json")["undecided"] == []
        assert "cannot choose γ" not in inside(*given, *decided).stderr


def test_the_command_has_what_the_search_was_given(inside: InProcess, store: Path) -> None:
    report = inside.json("tune", store, "--alpha", "0", "--beta", "0", "--gamma", "0", "--pairs", "2x", "--max-input",
                         "7", "--target-where", "time > 1", "--json")  # fmt: skip
    assert shlex.split(report["command"])[-6:] == [
        "--pairs", "2x", "--max-input", "7", "--target-where", "time > 1"
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- selections


def test_the_published_search_filters_by_kl_and_ranks_by_the_ratio() -> None:
    kl, ratio = np.array([5.0, 1.0, 2.0, 3.0, 4.0]), np.array([9.0, 1.0, 3.0, 2.0, 8.0])
    assert published(kl, ratio, share=0.6, top=10) == [2, 3, 1]
    assert published(kl, ratio, share=0.6, top=1) == [2]
    assert published(kl, ratio, share=0.01, top=5) == [1]


def test_the_published_search_keeps_all_that_are_as_near_as_the_last() -> None:
    kl, ratio = np.array([1.0, 1.0 + 1e-15, 1.0, 2.0]), np.array([2.0, 3.0, np.nan, 9.0])
    assert published(kl, ratio, share=0.25, top=10) == [1, 0, 2]


def test_the_first_of_each_group_come_first_and_rounding_wins_nothing() -> None:
    kl, ratio = np.array([1.0, 1.0 - 1e-15, 1.0, 1.1]), np.array([2.0, 2.0 + 1e-15, 5.0, 5.6])
    assert front(kl, ratio, [0, 0, 1, 1]) == [0, 3, 1, 2]


def test_the_canonical_order_begins_at_zero() -> None:
    biases = [
        (1.0, 0.0, 0.0),
        (0.0, 0.0, -np.inf),
        (0.0, 0.0, 1.0),
        (0.0, 0.0, -1.0),
        (0.0, 2.0, 0.0),
        (-1.0, 0.0, 0.0),
    ]
    assert [biases.index(each) for each in sorted(biases, key=canonical_order)] == [5, 0, 4, 3, 2, 1]


def test_the_front_keeps_what_none_beats_in_both() -> None:
    kl, ratio = np.array([1.0, 2.0, 2.5, 3.0]), np.array([1.0, 2.0, 1.5, 3.0])
    assert sorted(front(kl, ratio, ["a"] * 4, tolerance=0)) == [0, 1, 3]
    # What beats 2 is of another γ.
    assert sorted(front(kl, ratio, ["a", "b", "a", "a"], tolerance=0)) == [0, 1, 2, 3]


def test_the_front_ranks_by_the_inputs_where_every_divergence_is_infinite() -> None:
    kl, ratio = np.array([np.inf, np.inf, np.inf]), np.array([1.99, 2.0, 1.98])
    assert front(kl, ratio, ["a"] * 3) == [1, 0, 2]


def test_the_front_is_no_line_but_a_strip() -> None:
    kl, ratio = np.array([1.0, 1.01]), np.array([2.0, 1.99])
    assert front(kl, ratio, ["a", "a"], tolerance=0) == [0]
    assert front(kl, ratio, ["a", "a"], tolerance=0.02) == [0, 1]


@pytest.mark.skipif(not REAL.is_dir(), reason="no real logs here: set GENPAS_DATA")
@pytest.mark.parametrize("log", ["amazon-beauty/Beauty.txt", "amazon-toys/Toys_and_Games.txt"])
def test_the_front_keeps_what_trains_best_where_the_published_filter_drops_it(log: str, tmp_path: Path) -> None:
    ingest(REAL / log, tmp_path / "store")
    report = tune(tmp_path / "store", TuneOptions())
    assert len(report.configurations) == 484
    (best,) = (row for row in report.configurations if row.name == "1,0,0")
    assert best.published_rank is None
    assert best.front_rank is not None


# ------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--alpha", "a"), ("--alpha is 'a'", "0:2:0.2")),
        (("--beta", "0:1"), ("--beta is '0:1'",)),
        (("--beta", "1:0:0.1"), ("--beta is '1:0:0.1'",)),
        (("--gamma", "0,51"), ("gamma is 51",)),
        (("--alpha", "0:50:0.01"), ("the maximum is 10,000",)),
        (("--keep-share", "0"), ("--keep-share is 0",)),
        (("--top", "0"), ("--top is 0",)),
        (("--pairs", "all"), ("--pairs is 'all'",)),
    ],
    ids=" ".join,
)
def test_wrong_usage(inside: InProcess, store: Path, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("tune", store, *options), USAGE, *words)


def test_without_validation_there_is_nothing_to_search_by(inside: InProcess, log: Path) -> None:
    refused(inside("tune", log, "--split", "none"), DATA, "no validation interactions are held out", "--split")


def test_pairs_are_no_source(inside: InProcess, pairs: Path) -> None:
    refused(inside("tune", pairs), DATA, "pairs directory")
