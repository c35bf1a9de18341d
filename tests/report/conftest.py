"""Reports as the commands make them of the sample log, each computed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli.augment.job import augment
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.figures.options import StatsOptions
from genpas_cli.figures.results import StatsReport, TuneReport
from genpas_cli.figures.stats import stats
from genpas_cli.ingest.job import ingest
from genpas_cli.training.compare import compare
from genpas_cli.training.comparison import CompareReport
from genpas_cli.training.options import CompareOptions, TuneOptions
from genpas_cli.training.tune import tune

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "logs.store"
    ingest(str(ROOT / "sample_data" / "logs.parquet"), path)
    return path


@pytest.fixture(scope="session")
def stats_report(store: Path) -> StatsReport:
    return stats(str(store), StatsOptions(supervision="dense"), illustrated=True)


@pytest.fixture(scope="session")
def shards_report(store: Path) -> StatsReport:
    pairs = store.with_name("logs.pairs")
    augment(str(store), pairs, AugmentOptions(alpha=1.0))
    return stats(str(pairs), StatsOptions(supervision="dense"), store=store)


@pytest.fixture(scope="session")
def tune_report(store: Path) -> TuneReport:
    return tune(str(store), TuneOptions())


@pytest.fixture(scope="session")
def comparison(store: Path) -> CompareReport:
    options = CompareOptions(dim=8, steps=60, round_steps=20, batch_size=64, device="cpu", threads=1, seeds=2)
    return compare(str(store), store.with_name("logs.comparison"), options)
