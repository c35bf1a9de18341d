"""The registry of cutting rules: parses what a user writes into a strategy.

| strategy           | α | β  | γ  | pairs when enumerated (m = |s| − 1) |
|--------------------|---|----|----|-------------------------------------|
| Last-Target (LT)   | 0 | +∞ | −∞ | 1                                   |
| Multi-Target (MT)  | 1 | 0  | −∞ | m                                   |
| Slide-Window (SW)  |   | 1  | 0  | m(m + 1)/2                          |

Source: arXiv 2509.13648. To add a rule: write its file, and enter its name in `rules/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.sampling.power_law import PowerLaw, check_exponent, show_exponent
from genpas_cli.sampling.rules import USAGES
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategy import NamedRule, Strategy

RULES: dict[str, NamedRule] = {
    name: import_module(f"genpas_cli.sampling.rules.{name.replace('-', '_')}").RULE for name in USAGES
}
"""The named rules, by name."""

MULTI_TARGET = RULES["multi-target"].strategy()
"""Multiples such as `2x` are multiples of its number of pairs: one for each possible target."""

COMPARED = ("last-target", "multi-target", "slide-window", "1,0,0")
"""The strategies that `stats` and `compare` compare by default; a new rule does not change them."""


def triple(alpha: float, beta: float, gamma: float) -> Strategy:
    """Return the strategy of three biases, each −50..50 or ±inf; it is sampled, never enumerated.

    Raises:
        UsageError: a bias is NaN or out of range.
    """
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        check_exponent(value, name)
    name = ",".join(map(show_exponent, (alpha, beta, gamma)))
    return Strategy(name, SequencePowerLaw(alpha), PowerLaw(beta), PowerLaw(gamma))


@checked
def parse_strategy(text: str) -> Strategy:
    """Return the strategy that `NAME`, `NAME:key=value,...` or `A,B,G` means.

    Raises:
        UsageError: neither a known name (the nearest is suggested) nor three numbers; or a parameter is unknown,
            missing or out of range.
    """
    if "@" in text:
        strategy, _, half_life = text.partition("@")
        raise UsageError(
            f"--strategy {text!r}: only compare reads a half-life after @",
            tip=f"Give it as an option of its own: --strategy {strategy} --half-life {half_life}",
        )
    name, _, parameters = text.partition(":")
    if rule := RULES.get(name):
        return _with_parameters(rule, parameters, text)
    biases = _numbers(text)
    if len(biases) == 3:  # noqa: PLR2004  # a triple
        return triple(*biases)
    if not biases and (wrong := _not_numbers(text.split(","))):
        raise UsageError(f"--strategy {text!r}: {wrong[0].strip()!r} is not a number; biases are numbers, inf or -inf")
    if biases:
        number = f"{len(biases)} bias{'es' if len(biases) > 1 else ''}"
        raise UsageError(
            f"--strategy {text!r} has {number}; a strategy given as biases needs three (alpha,beta,gamma), such as "
            "0.5,0,0"
        )
    near = nearest(name.lower(), RULES, alike=0.5)
    raise UsageError(
        f"unknown strategy {text!r}; it must be one of {', '.join(USAGES.values())}, or three biases such as 1,0,0",
        tip=f"Did you mean --strategy {USAGES[near]}?" if near else None,
    )


def _numbers(text: str) -> list[float]:
    """Return the numbers of a list with commas; an empty list if a part is not a number."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def _not_numbers(parts: Sequence[str]) -> list[str]:
    """Return the parts that are no numbers, if others are, so that biases are meant; else nothing."""
    wrong = [part for part in parts if not _numbers(part)]
    return wrong if len(wrong) < len(parts) else []


def _with_parameters(rule: NamedRule, text: str, whole: str) -> Strategy:
    """Return the strategy of a rule with the parameters in `text`."""
    tip = f"Usage: --strategy {USAGES[rule.name]}"
    given: dict[str, float] = {}
    for part in text.split(",") if text else []:
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in rule.parameters:
            takes = ", ".join(rule.parameters) or "no parameters"
            raise UsageError(f"--strategy {whole}: {rule.name} has no parameter {key!r}; it takes {takes}", tip=tip)
        if not value:
            raise UsageError(f"--strategy {whole}: {key} has no value", tip=tip)
        if key in given:
            raise UsageError(f"--strategy {whole}: {key} is given twice", tip=tip)
        given[key] = rule.parameters[key].read(value, f"{rule.name}:{key}")
    if missing := [key for key, each in rule.parameters.items() if each.default is None and key not in given]:
        raise UsageError(f"--strategy {whole}: {rule.name} needs {', '.join(missing)}", tip=tip)
    return rule.strategy(**given)
