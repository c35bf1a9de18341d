"""Rules over the figures of a report: `genpas stats --check RULES.toml`, a gate for pipelines.

docs/how-to/gate-a-pipeline.md describes the file format; `default_rules.toml` in this directory is an example. A figure
without a value (for example because nothing is held out) breaks its rule, unless a `?` follows the key.
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from genpas_cli.figures.figure import checked_keys, figures_in
from genpas_cli.figures.results import SplitReport, StatsReport
from genpas_cli.figures.split_figures import SplitFigures
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.text.documentation import page
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.sampling.strategies import parse_strategy

DEFAULT = "default"
"""Name of genpas's built-in rules."""

Level = Literal["warn", "fail"]
_SPLIT = "split"
_ALONE: dict[str, type] = {"data": DataFigures, _SPLIT: SplitFigures}
"""Tables with the figures of one class, of which a report has one."""
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip
_RULE = re.compile(r"\s*([a-z0-9_.]+)(\??)\s*(<=|>=|==|<|>)\s*([-+]?[0-9._]+(?:e[-+]?\d+)?)\s*")
_TIP = (
    'A file with one rule has two lines: [every-strategy] and fail = ["kl_test_train < 1.0"]. See '
    f"{page('how-to/gate-a-pipeline')}"
)


@dataclass(frozen=True)
class Rule:
    """One line of a rules file."""

    table: str
    """`data`, `every-strategy`, `strategy.NAME`, `shards` or `split`."""
    level: Level
    text: str
    key: str
    optional: bool
    """Whether a figure without a value passes."""
    comparison: str
    bound: float


@dataclass(frozen=True)
class Check:
    """The outcome of one rule for one report."""

    level: Level
    rule: str
    """The rule as written, prefixed with the strategy or table: `1,0,0: kl_test_train < 1.0`."""
    value: float | None
    held: bool
    found: str
    """The value and the rule as a sentence."""


def read_rules(path: str) -> list[Rule]:
    """Return the rules of a TOML file, or the built-in rules for `default`.

    Raises:
        DataError: the file cannot be read, is not TOML or contains no rules, or a rule is invalid.
    """
    check_local(path, "--check")
    place = Path(__file__).with_name("default_rules.toml") if path == DEFAULT else Path(path)
    try:
        content = tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"--check {path}: {error.strerror}", tip="To use the built-in rules: --check default"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a valid TOML file: {error}") from error
    rules = list(_rules(path, content))
    if not rules:
        raise DataError(f"--check {path}: the file contains no rules", tip=_TIP)
    return rules


def _rules(path: str, content: dict[str, Any]) -> Iterator[Rule]:
    known = ("data", "every-strategy", "strategy", "shards", _SPLIT)
    for name, table in content.items():
        if not isinstance(table, dict):
            raise DataError(
                f"{path}: the key {name} is outside of any table; lists of rules must be in a table", tip=_TIP
            )
        if name not in known:
            raise DataError(
                f"{path}: unknown table [{name}]; the known tables are " + ", ".join(f"[{n}]" for n in known), tip=_TIP
            )
        parts = {f"strategy.{n}": part for n, part in table.items()} if name == "strategy" else {name: table}
        for where, part in parts.items():
            if not isinstance(part, dict) or set(part) - {"warn", "fail"}:
                odd = min(set(part) - {"warn", "fail"}) if isinstance(part, dict) else part
                raise DataError(f"{path}, [{where}]: unknown level {odd!r}; the levels are warn and fail", tip=_TIP)
            for level, texts in part.items():
                for text in texts if isinstance(texts, list) else [texts]:
                    yield _rule(path, where, level, str(text))


def _rule(path: str, table: str, level: Level, text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None:
        raise DataError(f"{path}, [{table}]: {text!r} is not a rule", tip=_TIP)
    key, optional, comparison, bound = match.groups()
    keys = _keys(table)
    if key not in keys:
        near = nearest(key, keys)
        raise DataError(
            f"{path}, [{table}]: unknown key {key!r}; the known keys are {', '.join(keys)}",
            tip=f"Did you mean {near}?" if near else None,
        )
    try:
        return Rule(table, level, text.strip(), key, bool(optional), comparison, float(bound))
    except ValueError as error:
        raise DataError(f"{path}, [{table}]: {bound!r} in {text!r} is not a number", tip=_TIP) from error


def _keys(table: str) -> list[str]:
    return [key for kind in _kinds(table) for key in checked_keys(kind)]


def _kinds(table: str) -> list[type]:
    if table in _ALONE:
        return [_ALONE[table]]
    return [StrategyFigures, FairDrawFigures] if table == "shards" else [StrategyFigures]


def check(report: StatsReport | SplitReport, rules: list[Rule]) -> list[Check]:
    """Check a report against rules, in their order: the report of a split against those of `[split]`, others not.

    Raises:
        DataError: a rule names a strategy that is not in the report, or no rule is for this kind of report.
    """
    if isinstance(report, StatsReport):
        found = [result for rule in rules if rule.table != _SPLIT for result in _checks(report, rule)]
    else:
        found = [_check(rule, _SPLIT, asdict(report.split)) for rule in rules if rule.table == _SPLIT]
    if not found:
        raise DataError(
            f"--check: none of the {len(rules):,} rules is for this kind of report",
            tip="Rules of a split (--split-of) are in the table [split], all others in other tables.",
        )
    return found


def _checks(report: StatsReport, rule: Rule) -> Iterator[Check]:
    if rule.table == "data":
        yield _check(rule, "data", {} if report.data is None else asdict(report.data))
    elif rule.table == "shards":
        values = {} if report.measured is None else asdict(report.measured)
        fair_draw = {} if report.fair_draw is None else asdict(report.fair_draw)
        yield _check(rule, "shards", fair_draw | values)
    elif not report.strategies and rule.table == "every-strategy":
        yield _check(rule, "every-strategy", {})
    else:
        for figures in _named(report, rule):
            yield _check(rule, figures.name, asdict(figures))


def _named(report: StatsReport, rule: Rule) -> list[StrategyFigures]:
    if rule.table == "every-strategy":
        return report.strategies
    name = rule.table.removeprefix("strategy.")
    found = [figures for figures in report.strategies if _same(figures.name) == _same(name)]
    if not found:
        there = ", ".join(figures.name for figures in report.strategies) or "none"
        raise DataError(
            f"a rule refers to the strategy {name!r}, which is not in the report; the report has {there}",
            tip=f"Add the strategy to the report: -s {name}",
        )
    return found


def _same(name: str) -> str:
    """Return the name by which a strategy is known that can be written in several ways, such as `1.0,0,0`."""
    try:
        return parse_strategy(name).name
    except UsageError:
        return name


def _check(rule: Rule, whose: str, values: dict[str, Any]) -> Check:
    value: Any = values
    for part in rule.key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    value = int(value) if isinstance(value, bool) else value
    held = rule.optional if value is None else _COMPARISONS[rule.comparison](float(value), rule.bound)
    return Check(rule.level, f"{whose}: {rule.text}", value, held, _found(rule, whose, value))


def _found(rule: Rule, whose: str, value: float | None) -> str:
    key, _, part = rule.key.partition(".")
    label = next(figures[key].label for kind in _kinds(rule.table) if key in (figures := figures_in(kind)))
    label += f", {part}" if part else ""
    has = "has no value" if value is None else f"is {value:.4g}"
    place = "" if whose in _ALONE else f"{whose}: "
    return f"{place}{label} ({rule.key}) {has}; the rule is {rule.comparison} {rule.bound:g}"
