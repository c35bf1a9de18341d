"""genpas: user–item interaction logs → training data for sequential and generative recommenders.

The library has the same functions as the commands:

    from genpas_cli import AugmentOptions, augment, ingest, stats, verify

    ingest("logs.parquet", "logs.store")
    figures = stats("logs.store")
    report = augment("logs.store", "logs.pairs", AugmentOptions(alpha=0.5))
    verify("logs.pairs", store="logs.store")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genpas_cli.runtime.library.lazy import lazily

if TYPE_CHECKING:
    from genpas_cli.augment.fresh_pairs import FreshPairs, fresh_pairs
    from genpas_cli.augment.head import Head, head
    from genpas_cli.augment.job import AugmentReport, augment, plan
    from genpas_cli.augment.merge import MergeReport, merge
    from genpas_cli.augment.options import AugmentOptions
    from genpas_cli.augment.stream import augment_stream
    from genpas_cli.augment.verify import VerifyReport, verify
    from genpas_cli.export.job import export, export_stream
    from genpas_cli.export.options import ExportOptions
    from genpas_cli.export.report import ExportReport
    from genpas_cli.figures.options import StatsOptions
    from genpas_cli.figures.results import Configuration, SplitReport, StatsReport, TuneReport
    from genpas_cli.figures.split_figures import SplitFigures
    from genpas_cli.figures.split_stats import split_stats
    from genpas_cli.figures.stats import stats
    from genpas_cli.figures.table import DataFigures, StrategyFigures
    from genpas_cli.ingest.dry_run import IngestPlan, plan_ingest
    from genpas_cli.ingest.job import ingest
    from genpas_cli.ingest.options import IngestOptions
    from genpas_cli.ingest.report import IngestReport
    from genpas_cli.pairs.stream import PairStream, read_pairs
    from genpas_cli.runtime.errors import (
        CheckFailedError,
        DataError,
        GenpasError,
        IntegrityError,
        MachineError,
        UsageError,
    )  # fmt: skip
    from genpas_cli.runtime.machine import MachineOptions
    from genpas_cli.sampling.strategies import parse_strategy
    from genpas_cli.sampling.strategy import Strategy
    from genpas_cli.semantic.decode import Decoder
    from genpas_cli.semantic.job import SemanticIdsReport, semantic_ids
    from genpas_cli.semantic.options import SemanticIdsOptions
    from genpas_cli.training.compare import compare
    from genpas_cli.training.comparison import Compared, CompareReport, SeedRun
    from genpas_cli.training.job import train
    from genpas_cli.training.options import CompareOptions, RunsOptions, TrainOptions, TuneOptions
    from genpas_cli.training.train_report import TrainReport
    from genpas_cli.training.tune import tune

_HOMES = {
    "AugmentOptions": "augment.options", "AugmentReport": "augment.job", "CheckFailedError": "runtime.errors",
    "CompareOptions": "training.options", "CompareReport": "training.comparison", "Compared": "training.comparison",
    "Configuration": "figures.results", "DataError": "runtime.errors", "DataFigures": "figures.table",
    "Decoder": "semantic.decode",
    "ExportOptions": "export.options", "ExportReport": "export.report", "FreshPairs": "augment.fresh_pairs",
    "GenpasError": "runtime.errors", "Head": "augment.head", "IngestOptions": "ingest.options",
    "IngestPlan": "ingest.dry_run", "IngestReport": "ingest.job", "IntegrityError": "runtime.errors",
    "MachineError": "runtime.errors", "MachineOptions": "runtime.machine", "MergeReport": "augment.merge",
    "PairStream": "pairs.stream", "RunsOptions": "training.options", "SeedRun": "training.comparison",
    "SemanticIdsOptions": "semantic.options", "SemanticIdsReport": "semantic.job",
    "SplitFigures": "figures.split_figures", "SplitReport": "figures.results",
    "StatsOptions": "figures.options", "StatsReport": "figures.results", "Strategy": "sampling.strategy",
    "StrategyFigures": "figures.table", "TrainOptions": "training.options", "TrainReport": "training.train_report",
    "TuneOptions": "training.options", "TuneReport": "figures.results", "UsageError": "runtime.errors",
    "VerifyReport": "augment.verify", "augment": "augment.job", "augment_stream": "augment.stream",
    "compare": "training.compare", "export": "export.job", "export_stream": "export.job",
    "fresh_pairs": "augment.fresh_pairs", "head": "augment.head", "ingest": "ingest.job", "merge": "augment.merge",
    "parse_strategy": "sampling.strategies", "plan": "augment.job", "plan_ingest": "ingest.dry_run",
    "read_pairs": "pairs.stream", "semantic_ids": "semantic.job", "split_stats": "figures.split_stats",
    "stats": "figures.stats", "train": "training.job", "tune": "training.tune", "verify": "augment.verify",
}  # fmt: skip

__all__ = [  # kept equal to _HOMES by a test; a computed list is invisible to type checkers
    "AugmentOptions", "AugmentReport", "CheckFailedError", "CompareOptions", "CompareReport", "Compared",
    "Configuration", "DataError", "DataFigures", "Decoder", "ExportOptions", "ExportReport", "FreshPairs",
    "GenpasError", "Head", "IngestOptions", "IngestPlan", "IngestReport", "IntegrityError", "MachineError",
    "MachineOptions", "MergeReport", "PairStream", "RunsOptions", "SeedRun", "SemanticIdsOptions",
    "SemanticIdsReport", "SplitFigures", "SplitReport", "StatsOptions", "StatsReport", "Strategy", "StrategyFigures",
    "TrainOptions", "TrainReport", "TuneOptions", "TuneReport", "UsageError", "VerifyReport", "augment",
    "augment_stream", "compare", "export", "export_stream", "fresh_pairs", "head", "ingest", "merge", "parse_strategy",
    "plan", "plan_ingest", "read_pairs", "semantic_ids", "split_stats", "stats", "train", "tune", "verify",
]  # fmt: skip

# These packages have the same names as functions. Python binds a package in its parent only at the first import: import
# it here and delete the binding, so that the name always resolves to the function. This loads nothing heavy.
for _room in ("augment", "export", "ingest"):
    import_module(f"{__name__}.{_room}")
    del globals()[_room]

__getattr__ = lazily(__name__, _HOMES)
