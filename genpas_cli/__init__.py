"""genpas: user–item interaction logs → training data for sequential and generative recommenders.

The library offers what the commands do:

    from genpas_cli import AugmentOptions, augment, ingest, stats, verify

    ingest("logs.parquet", "logs.store")
    figures = stats("logs.store")
    report = augment("logs.store", "logs.pairs", AugmentOptions(alpha=0.5))
    verify("logs.pairs", store="logs.store")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpas_cli.errors import (
        CheckFailedError,
        DataError,
        GenpasError,
        IntegrityError,
        MachineError,
        UsageError,
    )  # fmt: skip
    from genpas_cli.jobs.augment import AugmentReport, PairStream, augment, augment_stream, plan
    from genpas_cli.jobs.compare import compare
    from genpas_cli.jobs.export import ExportReport, export, export_stream
    from genpas_cli.jobs.fresh import FreshPairs, fresh_pairs
    from genpas_cli.jobs.ingest import IngestReport, ingest
    from genpas_cli.jobs.ingest_plan import IngestPlan, plan_ingest
    from genpas_cli.jobs.merge import MergeReport, merge
    from genpas_cli.jobs.options import (
        AugmentOptions,
        CompareOptions,
        ExportOptions,
        IngestOptions,
        RunsOptions,
        StatsOptions,
        TrainOptions,
        TuneOptions,
    )
    from genpas_cli.jobs.stats import stats
    from genpas_cli.jobs.train import TrainReport, train
    from genpas_cli.jobs.tune import tune
    from genpas_cli.jobs.verify import VerifyReport, verify
    from genpas_cli.machine import MachineOptions
    from genpas_cli.report.comparison import Compared, CompareReport, SeedRun
    from genpas_cli.report.figures import Configuration, DataFigures, StatsReport, StrategyFigures, TuneReport
    from genpas_cli.sampling.strategies import Strategy, parse_strategy

_HOMES = {
    "AugmentOptions": "jobs.options", "AugmentReport": "jobs.augment", "CheckFailedError": "errors",
    "CompareOptions": "jobs.options", "CompareReport": "report.comparison", "Compared": "report.comparison",
    "Configuration": "report.figures", "DataError": "errors", "DataFigures": "report.figures",
    "ExportOptions": "jobs.options", "ExportReport": "jobs.export", "FreshPairs": "jobs.fresh",
    "GenpasError": "errors", "IngestOptions": "jobs.options", "IngestPlan": "jobs.ingest_plan",
    "IngestReport": "jobs.ingest", "IntegrityError": "errors", "MachineError": "errors", "MachineOptions": "machine",
    "MergeReport": "jobs.merge", "PairStream": "jobs.augment",
    "RunsOptions": "jobs.options", "SeedRun": "report.comparison", "StatsOptions": "jobs.options",
    "StatsReport": "report.figures", "Strategy": "sampling.strategies", "StrategyFigures": "report.figures",
    "TrainOptions": "jobs.options", "TrainReport": "jobs.train", "TuneOptions": "jobs.options",
    "TuneReport": "report.figures", "UsageError": "errors", "VerifyReport": "jobs.verify", "augment": "jobs.augment",
    "augment_stream": "jobs.augment", "compare": "jobs.compare", "export": "jobs.export",
    "export_stream": "jobs.export", "fresh_pairs": "jobs.fresh", "ingest": "jobs.ingest", "merge": "jobs.merge",
    "parse_strategy": "sampling.strategies", "plan": "jobs.augment", "plan_ingest": "jobs.ingest_plan",
    "stats": "jobs.stats", "train": "jobs.train", "tune": "jobs.tune", "verify": "jobs.verify",
}  # fmt: skip

__all__ = [  # kept equal to _HOMES by a test; a computed list is invisible to type checkers
    "AugmentOptions", "AugmentReport", "CheckFailedError", "CompareOptions", "CompareReport", "Compared",
    "Configuration", "DataError", "DataFigures", "ExportOptions", "ExportReport", "FreshPairs", "GenpasError",
    "IngestOptions", "IngestPlan", "IngestReport", "IntegrityError", "MachineError", "MachineOptions", "MergeReport",
    "PairStream", "RunsOptions", "SeedRun", "StatsOptions", "StatsReport", "Strategy", "StrategyFigures",
    "TrainOptions", "TrainReport", "TuneOptions", "TuneReport", "UsageError", "VerifyReport", "augment",
    "augment_stream", "compare", "export", "export_stream", "fresh_pairs", "ingest", "merge", "parse_strategy", "plan",
    "plan_ingest", "stats", "train", "tune", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more: DuckDB and PyArrow cost 150 ms."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
