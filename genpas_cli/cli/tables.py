"""Reports as tables in the terminal, and as CSV: figures as rows, strategies as columns, the better one marked."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genpas_cli.cli import console
from genpas_cli.figures.results import BETTER, DataFigures, StatsReport, StrategyFigures, TuneReport, strategy_as_json
from genpas_cli.report.wording import best_places
from genpas_cli.runtime.wording import counted, percent, time_range
from genpas_cli.training.comparison import ACCURACY, CompareReport

if TYPE_CHECKING:
    from rich.table import Table

MARK = "*"
"""Stands behind the better figure: seen without colour, and by who hears the table read."""

_FIGURES = {
    "pairs": "pairs",
    "kl_test_train": "KL(test ‖ train)",
    "kl_validation_train": "KL(validation ‖ train)",
    "kl_train_test": "KL(train ‖ test)",
    "js_test_train": "Jensen–Shannon, test",
    "tv_test_train": "total variation, test",
    "target_coverage": "target coverage",
    "effective_targets": "effective targets",
    "target_gini": "target Gini",
    "alignment": "alignment A",
    "discrimination": "discrimination D",
    "alignment_ratio": "A / D",
    "mean_input_length": "mean input length",
    "inputs_per_target": "inputs per target",
}
_OF_DRAWS = ("kl_test_train", "target_coverage")
"""Figures shown for a finite draw too; all of them are in the JSON."""

_AS_SHARE = ("target_coverage",)
_FOUR_DIGITS = 1000


def print_report(report: StatsReport) -> None:
    """Print the data's figures and the strategies' on stdout."""
    out = console.stdout()
    if report.data is not None:
        for line in _data_lines(report.data):
            out.print(line)
        out.print()
    columns = ([] if report.measured is None else [report.measured]) + report.strategies
    out.print(_table(columns, compared=len(report.strategies) > 1))
    marked = f"{MARK} the best; " if len(report.strategies) > 1 else ""
    out.print(f"{marked}KL in nats; A and D by {columns[0].similarity}", style="dim")
    if report.fair_draw is not None:
        verdict = "a fair draw" if report.fair_draw.fair else "NOT a fair draw"
        tests = "; ".join(f"{t.step}: {t.test}, p = {t.p_value:.3g}" for t in report.fair_draw.tests)
        out.print(f"{verdict} ({report.fair_draw.draw}): {tests}")
    for note in report.notes:
        console.say(console.escaped(note))


def _data_lines(data: DataFigures) -> list[str]:
    length, split = data.length, data.split
    counts = {"user": data.users, "item": data.items, "interaction": data.interactions}
    lines = [
        f"{', '.join(counted(number, thing) for thing, number in counts.items())}, density {percent(data.density, 4)}",
        f"length {length['min']:g} to {length['max']:g}, median {length['median']:g}, mean {length['mean']:.1f}",
        f"split: {split['train']:,} train, {split['validation']:,} validation, {split['test']:,} test",
    ]
    if data.time_range is not None:
        lines.append(f"time {time_range(data.time_range)}")
    shares = {
        "repeats": data.repeats, "tied events": data.tied_events, "held out by a tie": data.tied_either,
        "cold validation": data.cold_validation, "cold test": data.cold_test, "leaked test": data.leaked_test,
        "training later than test": data.future_training,
    }  # fmt: skip
    lines.append(", ".join(f"{name} {percent(value)}" for name, value in shares.items() if value is not None))
    return lines


def _table(columns: Sequence[StrategyFigures], *, compared: bool) -> Table:
    table = console.table("", *(figures.name for figures in columns))
    values = [strategy_as_json(figures) for figures in columns]
    for key, label in _FIGURES.items():
        row = [value[key] for value in values]
        if all(value is None for value in row):
            continue
        table.add_row(label, *_marked(key, row, compared=compared))
        if key in _OF_DRAWS:
            for index, kind in enumerate(("as augment draws", "independent")):
                drawn = [value["drawn"][index][key] if value["drawn"] else None for value in values]
                if any(value is not None for value in drawn):
                    table.add_row(f"  {kind}", *_marked(key, drawn, compared=compared))
    return table


def _marked(key: str, row: Sequence[float | None], *, compared: bool) -> list[str]:
    texts = [_shown(key, value) for value in row]
    return _with_marks(texts, row, BETTER[key]) if compared and key in BETTER else texts


def _with_marks(texts: Sequence[str], values: Sequence[float | None], better: str) -> list[str]:
    best = best_places(values, better)
    return [text + (MARK if at in best else " ") for at, text in enumerate(texts)]


def _shown(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    if key in _AS_SHARE:
        return percent(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= _FOUR_DIGITS else f"{value:z#.4g}"


def print_csv(report: StatsReport) -> None:
    """Print one row a strategy, the figures that are numbers or texts, on stdout."""
    columns = ([] if report.measured is None else [report.measured]) + report.strategies
    rows: list[dict[str, Any]] = [
        {key: value for key, value in strategy_as_json(figures).items() if not isinstance(value, list)}
        for figures in columns
    ]
    keys = [key for key in rows[0] if key != "drawn" and not key.endswith(("histogram", "deciles", "by_length"))]
    writer = csv.DictWriter(sys.stdout, keys, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_comparison(report: CompareReport) -> None:
    """Print accuracy beside the figures of the training distribution on stdout, a strategy a row."""
    out = console.stdout()
    seeds = counted(len(report.strategies[0].runs), "seed")
    table = console.table("", "NDCG@10", "±", "Recall@10", "difference", "validation", "KL", "A / D")
    for each, test in zip(report.strategies, _marked_row([s.test[ACCURACY] for s in report.strategies]), strict=True):
        gap = each.difference
        table.add_row(
            each.name, test, "–" if each.test_deviation is None else f"{each.test_deviation[ACCURACY]:.4f}",
            f"{each.test['recall@10']:.4f}",
            "–" if gap is None else f"{gap.value:+z.4f} ({gap.low:+z.4f} to {gap.high:+z.4f})",
            f"{each.validation[ACCURACY]:.4f}", _shown("", each.kl_validation_train), _shown("", each.alignment_ratio),
        )  # fmt: skip
    out.print(table)
    out.print(
        f"{MARK} the best; test accuracy, mean of {seeds}, ± from seed to seed; difference to {report.baseline} with "
        "its 95% interval by users; validation NDCG@10; KL to the validation targets",
        style="dim",
    )


def _marked_row(values: Sequence[float]) -> list[str]:
    return _with_marks([f"{value:.4f}" for value in values], values, "higher")


_ROWS_SHOWN = 15


def print_search(report: TuneReport) -> None:
    """Print the best configurations of a search on stdout, the winner first, and how each selection ranks them."""
    out = console.stdout()
    table = console.table("α,β,γ", "KL", "KL drawn", "A", "D", "A / D", "front", "published")
    shown = report.configurations[:_ROWS_SHOWN]
    for row in shown:
        figures = (row.kl, row.kl_drawn, row.alignment, row.discrimination, row.alignment_ratio)
        ranks = ("–" if rank is None else str(rank) for rank in (row.front_rank, row.published_rank))
        table.add_row(row.name, *(_shown("", value) for value in figures), *ranks)
    out.print(table)
    left = len(report.configurations) - len(shown)
    more = f"; {left:,} more in --json and --html" if left else ""
    out.print(
        f"by {report.select}; KL of the validation targets, of p and of {report.pairs:,} balanced pairs; A and D by "
        f"{report.similarity}{more}",
        style="dim",
    )


def print_trained(report: TuneReport) -> None:
    """Print what models have made of the first configurations of a search."""
    out = console.stdout()
    trained = report.trained or []
    table = console.table("α,β,γ", "validation NDCG@10", "by seed")
    for each, shown in zip(trained, _marked_row([each.validation for each in trained]), strict=True):
        table.add_row(each.name, shown, " ".join(f"{value:.4f}" for value in each.by_seed))
    out.print(table)
