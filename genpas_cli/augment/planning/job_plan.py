"""The plan of `augment`, made and checked before anything is written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from genpas_cli.augment.engines.work import Part, Shard, ShardForm, SplitPlan, pair_form, shards_of
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.estimates import (
    WORKER_MEMORY,
    disk_bytes,
    mean_input_length,
    row_bytes_of,
    shard_memory,
)
from genpas_cli.augment.target_weights import check_target_options, check_weighted_draw, is_weighted, refuse_windows
from genpas_cli.pairs.shards import ROW_GROUP_ROWS
from genpas_cli.runtime.errors import DataError, MachineError, UsageError
from genpas_cli.runtime.machine import FIXED_MEMORY, Machine, check_disk, check_writable, show_size
from genpas_cli.runtime.options import MOST_WHOLE, flag_of
from genpas_cli.runtime.text.wording import listed
from genpas_cli.sampling.shard_plan import USERS_A_CHUNK, Draw, plan_shards
from genpas_cli.sampling.strategies import MULTI_TARGET, parse_strategy, triple
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.splits import HeldOut, Split
from genpas_cli.store.store import Store
from genpas_cli.store.target_rule import RUN_BYTES

LARGEST_ENUMERATION = 20
"""An enumeration of more than this many times Multi-Target's pairs needs --pairs all."""

_SENSIBLE_ROWS = 1000
"""Smallest --shard-rows that a message suggests."""


@dataclass(frozen=True)
class Job:
    """The plan of a whole `augment` run, and the resources it takes."""

    strategy: Strategy
    form: ShardForm
    plans: tuple[SplitPlan, ...]
    multi_target_pairs: int
    without_input: int
    """Held-out interactions that are not targets: nothing came before them, or their weight is 0."""
    workers: int
    """Number of worker threads; 0 if the memory limit is too small."""
    memory: int
    """Estimated memory in bytes."""
    disk: int
    """Estimated size of the part on disk, in bytes."""
    users_beside: int
    """Number of users whose sequences are written in separate files; 0 if pairs hold their items."""
    vocabularies: tuple[Literal["items", "users"], ...]
    """Tables of ids that are written next to the pairs."""
    part: Part | None
    """The part to make; None for all."""

    @property
    def train(self) -> SplitPlan:
        """The plan of the training pairs."""
        return self.plans[0]

    @property
    def shards(self) -> list[Shard]:
        """The shards of the part."""
        return shards_of(self.plans, self.part, users_beside=self.users_beside)

    @property
    def shards_of_all_parts(self) -> int:
        """Number of shards of all parts."""
        return len(shards_of(self.plans, None, users_beside=self.users_beside))


_MOST_PAIRS = 2**53
"""Every whole number up to it is a float64, so that each pair has a place of its own on the line of mass."""


@dataclass(frozen=True)
class PairCount:
    """A number of pairs, as `--pairs` takes it: a number, or a multiple of Multi-Target's."""

    number: int = 0
    multiple: float = 0.0

    def of(self, multi_target: int) -> int:
        """Return the number of pairs, at least 1, given Multi-Target's number.

        Raises:
            UsageError: it is so large that pairs cannot be counted without rounding.
        """
        number = max(self.number or round(self.multiple * multi_target), 1)
        if number > _MOST_PAIRS:
            raise UsageError(f"--pairs means {number:,} pairs; the maximum is {_MOST_PAIRS:,}")
        return number


@dataclass(frozen=True)
class ResolvedOptions:
    """The parsed and checked options of `augment`; see `resolve_options`."""

    given: AugmentOptions
    strategy: Strategy
    pairs: PairCount | None
    """None: enumerate every pair of the strategy once."""
    max_input: int | None
    part: Part | None


def resolve_options(options: AugmentOptions, part: str | None = None) -> ResolvedOptions:
    """Parse the options, and check all that can be checked without a store.

    Args:
        options: the options of `augment`.
        part: `3/8` for the third of eight parts.

    Raises:
        UsageError: a value is out of range, or options exclude each other.
    """
    for name, low in (("epochs", 1), ("shard_rows", 1), ("seed", 0)):
        value = getattr(options, name)
        if value < low:
            raise UsageError(f"{flag_of(name)} is {value}; it must be {low} or more")
        if name != "seed" and value > MOST_WHOLE:
            raise UsageError(f"{flag_of(name)} is {value}; it must be at most {MOST_WHOLE:,}")
    check_target_options(options)
    max_input, strategy = parse_max_input(options.max_input), _strategy(options)
    pairs = _wanted_pairs(options, strategy)
    return ResolvedOptions(options, strategy, pairs, max_input, None if part is None else parse_part(part))


def _strategy(options: AugmentOptions) -> Strategy:
    biases = {name: getattr(options, name) for name in ("alpha", "beta", "gamma")}
    given = [name for name, value in biases.items() if value is not None]
    if options.strategy is None:
        return triple(
            *(
                default if biases[n] is None else biases[n]
                for n, default in (("alpha", 1.0), ("beta", 0.0), ("gamma", 0.0))
            )
        )
    if given:
        raise UsageError(
            f"--{given[0]} cannot be combined with --strategy {options.strategy}, which sets all three biases",
            tip=f"Remove --strategy, or remove {listed([f'--{name}' for name in given])}.",
        )
    return parse_strategy(options.strategy)


def parse_max_input(text: str) -> int | None:
    """Parse `--max-input`: None for `none`; raise UsageError for anything else but a number from 1."""
    if text == "none":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WHOLE:
        most = f" and at most {MOST_WHOLE:,}" if text.isdecimal() and int(text) > 1 else ""
        raise UsageError(f"--max-input is {text!r}; it must be a whole number of at least 1{most}, or none")
    return int(text)


def _wanted_pairs(options: AugmentOptions, strategy: Strategy) -> PairCount | None:
    """Return the number of pairs to draw, or None to enumerate; raise UsageError if options contradict it."""
    text = options.pairs
    if text == "all" or (text is None and strategy.enumeration and not is_weighted(options)):
        if strategy.enumeration is None:
            raise UsageError(
                f"--pairs all: the strategy {strategy.name} draws pairs at random, so there is no fixed set to write",
                tip="Use a number or a multiple, for example: --pairs 2x",
            )
        if options.epochs > 1:
            raise UsageError(
                "--epochs draws new pairs in each epoch, but this strategy has the same pairs every time",
                tip="To draw pairs instead: --pairs 1x",
            )
        if options.draw != "balanced":
            raise UsageError(
                f"--draw {options.draw}: the strategy {strategy.name} lists all its pairs, so no pairs are drawn",
                tip="To draw pairs instead: --pairs 1x",
            )
        check_weighted_draw(options, strategy)
        return None
    return parse_pair_count(text if text is not None else "1x", or_all=True)


def parse_part(text: str) -> Part:
    """Parse a part such as `3/8`; raise UsageError if it is not I/N with 1 ≤ I ≤ N."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        numbers = f"1/{of} to {of}/{of}" if of.isdecimal() and int(of) > 0 and number.isdecimal() else "such as 1/8"
        raise UsageError(f"--part is {text!r}; it must be I/N, part I of N parts, counted from 1: {numbers}")
    return Part(int(number), int(of))


def parse_pair_count(text: str, *, or_all: bool = False) -> PairCount:
    """Parse a number of pairs, written `N` or as a multiple such as `2x`.

    Args:
        text: the text given by the user.
        or_all: whether the caller accepts `all` too, for the error message.

    Raises:
        UsageError: the text is not a positive number or multiple.
    """
    try:
        count = PairCount(multiple=float(text[:-1])) if text.endswith("x") else PairCount(int(text.replace("_", "")))
    except ValueError:
        count = PairCount()
    if not 0 < count.number + count.multiple < math.inf:
        multiple = ", a multiple such as 2x, or all" if or_all else " or a multiple such as 2x"
        raise UsageError(f"--pairs is {text!r}; it must be a whole number of at least 1{multiple}")
    return count


def plan_job(store: Store, resolved: ResolvedOptions, kept: tuple[str, ...], machine: Machine) -> Job:
    """Plan all shards, or those of one part, and estimate memory and disk space.

    Raises:
        DataError: no training sequence has two interactions, or a kept column is not in the store.
        UsageError: the enumeration is too large without --pairs all, or the strategy excludes weights of targets.
    """
    options, strategy, part = resolved.given, resolved.strategy, resolved.part
    refuse_windows(store, strategy)
    as_cuts = options.form == "cuts"
    form = pair_form(
        store, _kept_columns(store, kept), resolved.max_input, options.order, options.encoding, as_cuts=as_cuts
    )
    histogram = usable_histogram(store)
    multi_target = int(np.arange(len(histogram)) @ histogram)
    pairs = (
        _enumerated_pairs(strategy, histogram, multi_target, options)
        if resolved.pairs is None else resolved.pairs.of(multi_target)
    )  # fmt: skip
    draw: Draw = "enumerated" if resolved.pairs is None else options.draw
    sampling = plan_shards(
        strategy, draw, pairs=pairs, epochs=options.epochs, seed=options.seed, shard_rows=options.shard_rows,
        histogram=histogram, targets=lambda first, last: _targets(store, first, last, "train"),
        mean_weights=None if store.rule is None else store.rule.mean,
    )  # fmt: skip
    held_out = [plan for split in ("validation", "test") if (plan := _held_out_plan(store, split, options)) is not None]
    plans = (SplitPlan("train", sampling), *held_out)
    without_input = (
        store.meta["split"]["validation"] + store.meta["split"]["test"] - sum(p.sampling.pairs for p in held_out)
    )
    # With conditions or weights of 0, the mean distance between targets.
    spread = 1.0 if store.rule is None else max(store.meta["split"]["train"] / multi_target, 1.0)
    row_bytes = row_bytes_of(mean_input_length(sampling, form.max_input, spread), form)
    users_beside = store.users if as_cuts else 0
    shards = shards_of(plans, part, users_beside=users_beside)
    longest = len(store.train_length_histogram())
    worker = max(shard_memory(plan.sampling, form, row_bytes, longest, spread) for plan in plans)
    worker += 0 if store.rule is None else RUN_BYTES
    workers = min(machine.threads, max(len(shards), 1), (machine.memory - FIXED_MEMORY) // worker)
    return Job(
        strategy, form, plans, multi_target, without_input, int(workers), int(FIXED_MEMORY + max(workers, 1) * worker),
        disk_bytes(shards, row_bytes, store, form), users_beside,
        ("items", "users") if options.user_ids == "raw" else ("items",), part,
    )  # fmt: skip


def usable_histogram(store: Store) -> NDArray[np.int64]:
    """Return `Store.target_histogram`; raise DataError if no training sequence has two interactions."""
    histogram = store.target_histogram()
    if len(histogram) == 1:
        who = f"none of the {store.users:,} users has" if store.users > 1 else "the only user has fewer than"
        raise DataError(f"no training pairs can be made: {who} two training interactions", tip=_longer_sequences(store))
    return histogram


def _longer_sequences(store: Store) -> str:
    """Return a tip how to get longer training sequences, given the options with which the store was made."""
    if store.meta["split"]["rule"] != "none" and store.meta["length"]["max"] > 1:
        return "To use all interactions for training, read the log with --split none."
    if store.meta["options"].get("session_gap") is not None:
        return "A longer --session-gap gives longer sequences."
    return "Every user has one interaction: read the log again with another --user."


def check_room(job: Job, machine: Machine, output: Path | None) -> None:
    """Raise MachineError if memory does not suffice for one shard, or the disk is too small or not writable.

    The disk is not checked if `output` is None.
    """
    if job.workers < 1:
        larger = f"--memory-limit {math.ceil(job.memory / 10**6)}MB"
        rows = _rows_that_fit(job, machine)
        raise MachineError(
            f"the memory limit of {show_size(machine.memory)} is too small for one shard: about "
            f"{show_size(job.memory)} are needed",
            tip=f"Use smaller shards (--shard-rows {rows}), or increase the limit: {larger}"
            if rows
            else f"Increase the limit: {larger}",
        )
    if output is not None:
        check_writable(output.absolute().parent)
        check_disk(
            output,
            job.disk,
            what=f"{output} (estimated)",
            tip="Draw fewer pairs with --pairs, or choose another disk with -o.",
        )


def _rows_that_fit(job: Job, machine: Machine) -> int:
    """Return a --shard-rows that fits into the memory limit; 0 if it would be below `_SENSIBLE_ROWS`."""
    rows = max(part.stop - part.start for plan in job.plans for part in plan.sampling.slices)
    spare = machine.memory - FIXED_MEMORY - WORKER_MEMORY
    taken = job.memory - FIXED_MEMORY - WORKER_MEMORY
    # Per row, a smaller shard takes at most the memory of the largest shard divided by the rows of one row group.
    fitting = min(rows, ROW_GROUP_ROWS) * spare // max(taken, 1)
    return fitting if fitting >= _SENSIBLE_ROWS else 0


def _kept_columns(store: Store, kept: tuple[str, ...]) -> tuple[str, ...]:
    """Return the store's names of the columns to keep, matched without case if that is unambiguous."""
    found = []
    for name in kept:
        alike = [column for column in store.kept if column.lower() == name.lower()]
        if name not in store.kept and len(alike) != 1:
            there = f"; its kept columns are {', '.join(store.kept)}" if store.kept else ", and no other kept columns"
            raise DataError(
                f"--keep {name}: the store has no column {name}{there}",
                tip=f"Keep the column when the log is read: genpas ingest LOGS -o STORE --keep {name}",
            )
        found.append(name if name in store.kept else alike[0])
    return tuple(dict.fromkeys(found))


def _enumerated_pairs(
    strategy: Strategy, histogram: NDArray[np.int64], multi_target: int, options: AugmentOptions
) -> int:
    assert strategy.enumeration is not None
    pairs = int(strategy.enumeration.count(np.arange(len(histogram), dtype=np.int64)) @ histogram)
    if pairs > LARGEST_ENUMERATION * multi_target and options.pairs != "all":
        raise UsageError(
            f"{strategy.name} has {pairs:,} pairs, {pairs / multi_target:,.0f} times the {multi_target:,} pairs of "
            "Multi-Target",
            tip=f"To draw some of them: --strategy {strategy.name} --pairs 1x; to write all of them: --pairs all",
        )
    return pairs


def _targets(store: Store, first: int, last: int, split: Split) -> Iterator[NDArray[np.int64]]:
    for chunk in store.lengths(first, last, USERS_A_CHUNK):
        yield store.target_counts(split, first, chunk)
        first += len(chunk.total)


def _held_out_plan(store: Store, split: HeldOut, options: AugmentOptions) -> SplitPlan | None:
    """Plan the held-out pairs: each target once, in the order of users. Return None if the split is empty."""
    histogram = np.zeros(1, np.int64)
    for counts in _targets(store, 0, store.users - 1, split):
        more = np.bincount(counts)
        histogram = np.pad(histogram, (0, max(len(more) - len(histogram), 0)))
        histogram[: len(more)] += more
    pairs = int(np.arange(len(histogram)) @ histogram)
    if pairs == 0:
        return None
    sampling = plan_shards(
        MULTI_TARGET, "enumerated", pairs=pairs, epochs=1, seed=options.seed, shard_rows=options.shard_rows,
        histogram=histogram, targets=lambda first, last: _targets(store, first, last, split),
    )  # fmt: skip
    return SplitPlan(split, sampling)


class AugmentPlan(TypedDict):
    """What `augment` would write, and the resources it would take; `genpas augment --dry-run` prints this."""

    strategy: str
    """Name, or the biases α,β,γ as given."""
    draw: str
    """`balanced`, `independent` or `enumerated`."""
    pairs: dict[str, int]
    """Number of pairs by split; for training, in one epoch."""
    epochs: int
    part: str | None
    """The part of the data set, such as "3/8"; null for the whole data set."""
    shards: dict[str, int]
    """Number of shards of the part, by split."""
    bytes: int
    """Estimated size of the part on disk, in bytes."""
    memory: int
    """Estimated memory, in bytes."""
    threads: int
    multi_target_pairs: int
    """Number of pairs of Multi-Target in one epoch."""


def plan_as_json(job: Job) -> AugmentPlan:
    """Return the plan in the form that `--dry-run` prints."""
    splits = Counter(shard.split for shard in job.shards)
    return {
        "strategy": job.strategy.name,
        "draw": job.train.sampling.draw,
        "pairs": {plan.split: plan.sampling.pairs for plan in job.plans},
        "epochs": job.train.sampling.epochs,
        "part": None if job.part is None else str(job.part),
        "shards": {plan.split: splits[plan.split] for plan in job.plans},
        "bytes": job.disk,
        "memory": job.memory,
        "threads": job.workers,
        "multi_target_pairs": job.multi_target_pairs,
    }
