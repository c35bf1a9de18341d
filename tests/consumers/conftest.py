"""Pairs that other people's software reads, and the environments that it runs in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest
from tests.consumers.environments import Environment, Environments

NAMES = ("recbole", "datasets", "tensorflow", "language_models", "readers-old", "readers-new")
"""Environments, of which those of trainers have a fixture of this name."""

KEPT = ("rating", "timestamp")
SHARD_ROWS, MAX_INPUT = 400, 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process where a run has several: each would build all environments."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("consumers"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with pairs of one log, each in several shards.

    plain.pairs; kept.pairs with a rating and a time; gaps.pairs with a kept column that lacks values; epochs.pairs.
    """
    root = tmp_path_factory.mktemp("shop")
    rng = random.Random(11)
    rows = [
        f'"u,{user}",é{rng.randint(1, 70):03d},{rng.choice((1, 2.5, 4, 5))},'
        f"{1_700_000_000 + 50_000 * user + 61 * event},{rng.choice(('0.5', '30', ''))}"
        for user in range(120)
        for event in range(rng.randint(3, 25))
    ]
    (root / "log.csv").write_text("\n".join(["user_id,item_id,rating,timestamp,dwell", *rows]) + "\n", encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=(*KEPT, "dwell")))
    for name, keep, epochs in (("plain", (), 1), ("kept", KEPT, 1), ("gaps", ("dwell",), 1), ("epochs", (), 3)):
        options = AugmentOptions(shard_rows=SHARD_ROWS, max_input=str(MAX_INPUT), user_ids="raw", epochs=epochs)
        augment(root / "log.store", root / f"{name}.pairs", options, ingest_options=IngestOptions(keep=keep))
    return root


@pytest.fixture(scope="session")
def environments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environments]:
    """The environments that the session's tests ask for, all being built from the first one's need on."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    built = Environments(tmp_path_factory.mktemp("environments"), asked.intersection(NAMES))
    yield built
    built.close()


@pytest.fixture(scope="session")
def recbole(environments: Environments) -> Environment:
    """Python with RecBole."""
    return environments["recbole"]


@pytest.fixture(scope="session")
def datasets(environments: Environments) -> Environment:
    """Python with Hugging Face datasets and pandas."""
    return environments["datasets"]


@pytest.fixture(scope="session")
def tensorflow(environments: Environments) -> Environment:
    """Python with TensorFlow."""
    return environments["tensorflow"]


@pytest.fixture(scope="session")
def language_models(environments: Environments) -> Environment:
    """Python with TRL, Hugging Face datasets and LLaMA-Factory."""
    return environments["language_models"]
