"""Whatever the registry holds works in every command, with its parameters; two settings of it are two data sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genpas_cli import (
    AugmentOptions,
    StatsOptions,
    UsageError,
    augment,
    fresh_pairs,
    merge,
    stats,
    verify,
)  # fmt: skip
from genpas_cli.sampling.rules import USAGES
from genpas_cli.sampling.strategies import RULES
from tests.properties.strategies import NAMED
from tests.support import InProcess, identity, refused

every_rule = pytest.mark.parametrize("name", NAMED)

OTHER = {"recency:keep=0.8": "recency:keep=0.9", "windows:width=20": "windows:width=3"}
"""A second setting of each rule that has parameters."""

every_setting = pytest.mark.parametrize("name", OTHER)


def test_every_rule_with_parameters_has_a_second_setting_here() -> None:
    assert {USAGES[name] for name, rule in RULES.items() if rule.parameters} == OTHER.keys()


@every_rule
@pytest.mark.parametrize("form", ["items", "cuts"])
@pytest.mark.parametrize("draw", ["balanced", "independent", "enumerated"])
def test_it_is_drawn_verified_and_found_fair(store: Path, tmp_path: Path, name: str, form: str, draw: str) -> None:
    at = tmp_path / "out.pairs"
    if draw == "enumerated":
        if NAMED[name].enumeration is None:
            with pytest.raises(UsageError, match="there is no fixed set to write"):
                augment(store, at, AugmentOptions(strategy=name, pairs="all"))
            return
        options = AugmentOptions(strategy=name, form=form)  # type: ignore[arg-type]  # one of two
    else:
        options = AugmentOptions(strategy=name, form=form, pairs="3x", draw=draw, epochs=2, shard_rows=400)  # type: ignore[arg-type]  # as above
    augment(store, at, options)
    verify(at, store=store)
    fair_draw = stats(at, StatsOptions(), store=store).fair_draw
    assert fair_draw is not None
    assert fair_draw.fair
    strategy = json.loads((at / "manifest.json").read_text("utf-8"))["strategy"]
    assert strategy["name"] == name
    assert ("parameters" in strategy) == bool(NAMED[name].parameters)


@every_rule
def test_parts_are_those_of_one_run(store: Path, tmp_path: Path, name: str) -> None:
    options = AugmentOptions(strategy=name, pairs="2x", shard_rows=100)
    augment(store, tmp_path / "whole.pairs", options)
    parts = [augment(store, tmp_path / "merged.pairs", options, part=f"{part}/2").output for part in (1, 2)]
    merge(parts)
    assert identity(tmp_path / "merged.pairs") == identity(tmp_path / "whole.pairs")


@every_setting
def test_parts_of_two_settings_are_not_merged(inside: InProcess, store: Path, name: str) -> None:
    for part, strategy in ((1, name), (2, OTHER[name])):
        done = inside("augment", store, "-s", strategy, "--part", f"{part}/2", "-o", "out.pairs")
        assert done.returncode == 0, done.stderr
    parts = sorted(path.name for path in inside.cwd.iterdir())
    refused(inside("merge", *parts), 2, "strategy", "out.pairs")


@every_setting
def test_another_setting_does_not_go_on_with_what_there_is(inside: InProcess, store: Path, name: str) -> None:
    assert inside("augment", store, "-s", name, "-o", "out.pairs").returncode == 0
    assert inside("augment", store, "-s", name, "-o", "out.pairs", "--resume").returncode == 0
    done = inside("augment", store, "-s", OTHER[name], "-o", "out.pairs", "--resume")
    assert done.returncode != 0, done.stderr


@every_setting
def test_fresh_pairs_of_two_settings_are_told_apart(store: Path, name: str) -> None:
    one, same, other = (fresh_pairs(store, AugmentOptions(strategy=text)) for text in (name, name, OTHER[name]))
    assert one.identity == same.identity != other.identity
