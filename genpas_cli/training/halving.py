"""Successive halving: a search that spends the dear figures, and then training, on the most promising rules alone.

The first round ranks a coarse grid of α and β by the figure of `--select` that does not need the inputs: KL, or KL and
entropy. The next one adds the neighbours of its best third in the grid. The other figures, for every γ, are computed
for the best third of these alone. With training, each round trains the better half of the rules twice as long as the
round before.

Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product

from genpas_cli.runtime.progress import Progress
from genpas_cli.sampling.power_law import show_exponent
from genpas_cli.training.comparison import ACCURACY, SeedRun
from genpas_cli.training.cutting_rules import CuttingRule
from genpas_cli.training.model_directories import read_metrics
from genpas_cli.training.search_plan import SearchPlan
from genpas_cli.training.strategy_runs import Cutting, Observe, Runs, mean_of

KEPT = 3
"""A round keeps the best third."""

_LEAST_KEPT = 4
"""Target distributions that a round keeps at least."""

_FEWEST_STEPS = 50
"""With a limit of time, the steps of the first round are this number times a power of 2."""

_CALIBRATION_STEPS = 200


def survivors(plan: SearchPlan, scores: Callable[[Sequence[CuttingRule]], list[float]]) -> list[CuttingRule]:
    """Return the rules whose other figures are worth computing, in the order of the plan.

    Args:
        plan: the parsed options of the search.
        scores: returns a figure of each rule, lower is better; it is compared for one γ alone.
    """
    alphas, betas = plan.grid["alpha"], plan.grid["beta"]
    by_name = {each.name: each for each in plan.figures.strategies}
    gamma = min(plan.grid["gamma"], key=abs)

    def of_cell(cell: tuple[int, int]) -> str:
        return ",".join(map(show_exponent, (alphas[cell[0]], betas[cell[1]], gamma)))

    cells = {of_cell(cell): cell for cell in product(range(len(alphas)), range(len(betas)))}
    coarse = product(_every_other(len(alphas)), _every_other(len(betas)))
    scored: dict[CuttingRule, float] = {}

    def score(tried: Iterable[CuttingRule]) -> None:
        # All at once, because each call reads the store.
        new = [each for each in dict.fromkeys(tried) if each not in scored]
        scored.update(zip(new, scores(new), strict=True) if new else ())

    score(plan.tried(by_name[name] for name in (*map(of_cell, coarse), *plan.others)))
    score(
        CuttingRule(by_name[of_cell(cell)], each.half_life)
        for each in _best(scored) if each.strategy.name in cells
        for cell in _neighbours(cells[each.strategy.name], alphas, betas)
    )  # fmt: skip
    kept = {(each.strategy.sequence, each.strategy.target, each.half_life) for each in _best(scored)}
    return [
        each for each in plan.tried(plan.figures.strategies)
        if (each.strategy.sequence, each.strategy.target, each.half_life) in kept or each.strategy.name in plan.named
    ]  # fmt: skip


def _every_other(count: int) -> list[int]:
    return sorted({*range(0, count, 2), count - 1})


def _neighbours(cell: tuple[int, int], alphas: Sequence[float], betas: Sequence[float]) -> list[tuple[int, int]]:
    around = product(*((index - 1, index, index + 1) for index in cell))
    return [(a, b) for a, b in around if 0 <= a < len(alphas) and 0 <= b < len(betas)]


def _best(scored: dict[CuttingRule, float]) -> list[CuttingRule]:
    count = max(-(-len(scored) // KEPT), _LEAST_KEPT)
    return sorted(scored, key=lambda each: scored[each])[:count]


def trained_by_halving(
    runs: Runs, cuttings: Sequence[Cutting], observe: Observe, progress: Progress, ends: float | None
) -> dict[str, list[SeedRun]]:
    """Train in rounds, each with the better half of the rules and twice the steps of the round before.

    Args:
        runs: makes pairs and models; its options have the steps of the last round.
        cuttings: the rules.
        observe: called after each run.
        progress: called with the progress.
        ends: time of `time.monotonic` at which the last round should have ended; None: no limit.

    Returns:
        The runs of the last round in which each rule was trained, the winner first.
    """
    rounds = math.ceil(math.log2(len(cuttings))) if len(cuttings) > 1 else 0
    steps = max(runs.options.steps >> rounds, 1)
    if ends is not None:
        steps = min(steps, _affordable(runs, cuttings, rounds, progress, ends))
    left, done = list(cuttings), dict[str, list[SeedRun]]()
    for number in range(rounds + 1):
        found = runs.run(left, observe, progress, steps=steps << number)
        ranked = sorted(left, key=lambda each: -mean_of([run.validation for run in found[each.name]])[ACCURACY])
        done = {each.name: found[each.name] for each in ranked} | {
            name: its for name, its in done.items() if name not in found
        }
        left = ranked[: -(-len(ranked) // 2)]
    return done


def _affordable(runs: Runs, cuttings: Sequence[Cutting], rounds: int, progress: Progress, ends: float) -> int:
    """Return the steps of the first round that the time allows, measured by a short run."""
    began = time.monotonic()
    short = replace(runs, options=replace(runs.options, seeds=1))
    found = short.run(cuttings[:1], lambda *_: None, progress, steps=_CALIBRATION_STEPS)[cuttings[0].name]
    a_step = read_metrics(runs.directory / found[0].model)["run"]["step_milliseconds"] / 1000
    # Making the pairs and evaluating the model take about the same time for any number of steps.
    a_run = max(time.monotonic() - began - _CALIBRATION_STEPS * a_step, 0.0)
    in_round = [-(-len(cuttings) // 2**number) * runs.options.seeds for number in range(rounds + 1)]
    trained = sum(count * 2.0**number for number, count in enumerate(in_round))
    affordable = (ends - time.monotonic() - a_run * sum(in_round)) / (a_step * trained)
    return _FEWEST_STEPS << max(int(math.log2(max(affordable / _FEWEST_STEPS, 1.0))), 0)
