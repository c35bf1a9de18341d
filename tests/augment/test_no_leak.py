"""Nothing that is held out is ever in training: counted from the log itself, over random logs and options.

Every interaction has an item of its own, so what stands in a pair says which interaction it is.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, augment, export, ingest, merge, verify
from genpas_cli.store.splits import Evaluated


@dataclass(frozen=True)
class Event:
    """An interaction."""

    user: str
    time: int
    item: str


def events(rng: random.Random) -> list[Event]:
    """Return a log of users of 1 to 15 interactions at distinct times, in any order."""
    owners = [f"u{user}" for user in range(rng.randint(3, 40)) for _ in range(rng.randint(1, 15))]
    times = rng.sample(range(10_000), len(owners))
    return [Event(owner, time, f"i{number}") for number, (owner, time) in enumerate(zip(owners, times, strict=True))]


def write(found: list[Event], directory: Path, rng: random.Random) -> list[Path]:
    """Write a log as one file or several."""
    shuffled, count = rng.sample(found, len(found)), rng.randint(1, 3)
    paths = [directory / f"log-{number}.csv" for number in range(count)]
    for number, path in enumerate(paths):
        rows = [f"{event.user},{event.item},{event.time}" for event in shuffled[number::count]]
        path.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n", encoding="utf-8")
    return [path for path in paths if path.stat().st_size > 30]


def held_out(found: list[Event], split: str) -> set[str]:
    """Return the items of the interactions that must not be trained on."""
    if split == "none":
        return set()
    if split.startswith("time:"):
        first = int(split.removeprefix("time:").partition(",")[0])
        return {event.item for event in found if event.time >= first}
    histories: dict[str, list[Event]] = {}
    for event in sorted(found, key=lambda event: event.time):
        histories.setdefault(event.user, []).append(event)
    return {event.item for history in histories.values() if len(history) >= 3 for event in history[-2:]}


def training(pairs: Path, scratch: Path) -> list[tuple[str, list[str]]]:
    """Return user and items, the target last, of every training pair."""
    export(pairs, scratch, ExportOptions(to="jsonl", split="train", ids="raw"))
    rows = map(json.loads, scratch.read_text(encoding="utf-8").splitlines())
    return [(row["user_id"], [*row["input_items"], row["target_item"]]) for row in rows]


def options(rng: random.Random, *, enumerated: bool) -> AugmentOptions:
    """Return how pairs are cut, at random."""
    exponents = (-2.0, 0.0, 0.5, 1.0, 3.0, float("inf"), float("-inf"))
    strategy = rng.choice(("multi-target", "slide-window", "last-target", None))
    rows_per_shard = rng.choice((1, 7, 100, 10_000))
    most_pairs = 30 if rows_per_shard == 1 else 300  # three epochs of 300 would be 900 files
    biases: dict[str, Any] = {} if strategy else {name: rng.choice(exponents) for name in ("alpha", "beta", "gamma")}
    return AugmentOptions(
        strategy=strategy, **biases, pairs="all" if strategy and enumerated else str(rng.randint(1, most_pairs)),
        draw=rng.choice(("balanced", "independent")) if not (strategy and enumerated) else "balanced",
        epochs=1 if strategy and enumerated else rng.randint(1, 3), max_input=rng.choice(("none", "1", "3", "50")),
        order=rng.choice(("shuffled", "user")), seed=rng.randint(0, 9), shard_rows=rows_per_shard,
        form=rng.choice(("items", "cuts")), user_ids="raw", threads=rng.randint(1, 2),
    )  # fmt: skip


def made(store: Path, output: Path, how: AugmentOptions, rng: random.Random) -> Path:
    """Cut the pairs, at once or in parts that are merged."""
    parts = rng.choice((1, 1, 2, 3))
    if parts == 1:
        augment(store, output, how)
    else:
        merge([augment(store, output, how, part=f"{n}/{parts}").output for n in range(1, parts + 1)], output)
    return output


@pytest.mark.parametrize(
    "seeds", [range(12), pytest.param(range(12, 112), marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=len
)
def test_no_held_out_interaction_is_in_training(tmp_path: Path, seeds: range) -> None:
    counted = 0
    for seed in seeds:
        rng, directory = random.Random(seed), tmp_path / str(seed)
        directory.mkdir()
        found = events(rng)
        middle = sorted(event.time for event in found)[len(found) // 2]
        split = rng.choice(("leave-one-out", "none", f"time:{middle},{middle + (9999 - middle) // 2}"))
        kept_out = held_out(found, split)
        trainable = {event.item: event.user for event in found if event.item not in kept_out}
        owners = [event.user for event in found if event.item in trainable]
        if not any(owners.count(user) >= 2 for user in set(owners)):
            continue  # no training pair
        files = write(found, directory, rng)
        # A choice of targets needs interactions that are held out.
        evaluated: Evaluated = rng.choice(["all"] if split == "none" else get_args(Evaluated))
        ingest(list(map(str, files)), directory / "s.store", IngestOptions(split=split, eval=evaluated))
        pairs = made(directory / "s.store", directory / "p.pairs", options(rng, enumerated=rng.random() < 0.5), rng)
        for user, items in training(pairs, directory / "train.jsonl"):
            assert {trainable.get(item) for item in items} == {user}, (seed, split, user, items)
            counted += 1
        assert verify(pairs, store=directory / "s.store").slices
    assert counted > 100 * len(seeds) // 10
