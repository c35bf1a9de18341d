"""The options of `augment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.pairs.encoding import Encoding
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option
from genpas_cli.sampling.rules import MEANINGS, USAGES

SAMPLING = "Sampling"
OUTPUT = "Output"

STRATEGIES = f"{', '.join(USAGES.values())}, or the biases as A,B,G"
"""Values of `--strategy`, for help texts."""

_EXPLAINED = ", ".join(f"{usage} ({MEANINGS[name]})" for name, usage in USAGES.items())

STRATEGY = "NAME[:KEY=VALUE,...]|A,B,G"


@dataclass(frozen=True, kw_only=True)
class TargetOptions(MachineOptions):
    """The options that restrict and weigh targets."""

    target_where: str | None = option(
        None, "SQL condition on 'time' (the timestamps of the log, under this name) and the columns of --keep. Only "
        "interactions for which it is true are targets, in training, validation and test; the others stay in inputs. "
        "The probabilities are computed over the remaining targets.",
        metavar="SQL", panel=SAMPLING,
    )  # fmt: skip
    target_weight: str | None = option(
        None, "SQL expression over the same columns as --target-where: the weight of an interaction as a target, a "
        "number of 0 or more. In training, the probability of a target within its sequence is multiplied by its "
        "weight, and the probability of a sequence by the mean weight of its targets; both are then normalized. An "
        "interaction of weight 0 is not a target, in any split.",
        metavar="SQL", panel=SAMPLING,
    )  # fmt: skip
    half_life: str | None = option(
        None, "Halve the weight of a target for each such duration between it and the last training interaction of "
        "the whole log, for example 365d (units: ms, s, m for minutes, h, d, w).",
        metavar="DURATION", panel=SAMPLING,
    )  # fmt: skip
    as_of: str | None = option(
        None, "Measure the age of a target, for --half-life, from this date or time instead of the last training "
        "interaction; later interactions have age 0.",
        metavar="TIME", panel=SAMPLING,
    )  # fmt: skip
    balance_items: float | None = option(
        None, "Divide the weight of a target by P^C, where P is the number of training interactions with its item, and "
        "C is from 0 to 10. With C=1, alpha=1 and beta=0, popular and rare items are targets about equally often.",
        metavar="C", panel=SAMPLING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(TargetOptions):
    """All options of `augment` except those for reading logs."""

    strategy: str | None = option(
        None, f"Strategy: {_EXPLAINED}, or the biases as A,B,G.", flags=("-s", "--strategy"), metavar=STRATEGY,
        panel=SAMPLING,
    )  # fmt: skip
    alpha: float | None = option(
        None,
        "Sequence bias: <0 favours short sequences, >0 long ones, 0 neither; inf: only the longest. (default: 1)",
        metavar="A",
        panel=SAMPLING,
    )
    beta: float | None = option(
        None,
        "Target bias: <0 favours early targets, >0 recent ones, 0 neither; inf: only the last. (default: 0)",
        metavar="B",
        panel=SAMPLING,
    )
    gamma: float | None = option(
        None,
        "Input bias: <0 favours long inputs, >0 short ones, 0 neither; -inf: only the longest. (default: 0)",
        metavar="G",
        panel=SAMPLING,
    )
    draw: Literal["balanced", "independent"] = option(
        "balanced", "balanced: each target is drawn p × N times, rounded up or down (p: its probability, N: "
        "number of pairs); independent: pairs are drawn independently, with replacement.", panel=SAMPLING)  # fmt: skip
    pairs: str | None = option(
        None, "Number of training pairs per epoch: a number; a multiple of Multi-Target's number of pairs (one per "
        "possible target) such as 2x; or all: every pair once, for last-target, multi-target, slide-window and "
        "windows. (default: all for these four strategies, or an error if that is more than 20x; 1x for other "
        "strategies, and whenever targets are weighted)",
        metavar="N|2x|all", panel=SAMPLING)  # fmt: skip
    epochs: int = option(
        1,
        "Draw K data sets, one per training epoch, each in its own directory.",
        metavar="K",
        panel=SAMPLING,
    )
    max_input: str = option(
        "50", "Keep at most the L most recent input items; none: no limit.", metavar="L|none", panel=SAMPLING
    )
    seed: int = option(0, "Random seed.", panel=SAMPLING)
    order: Literal["shuffled", "user"] = option(
        "shuffled",
        "Order of the training pairs in a shard. user: keep the pairs of a user together; files are about a fifth "
        "smaller.",
        panel=OUTPUT,
    )
    form: Literal["items", "cuts"] = option(
        "items", "items: each pair contains its items, readable by any tool; cuts: each pair contains positions "
        "only, and the sequences are stored once. Files are several times smaller, readable by genpas export, stats, "
        "train and the loaders.",
        panel=OUTPUT,
    )  # fmt: skip
    encoding: Encoding = option(
        "fast", "Encoding of the shards. fast: quick to write and read; compact: about a fifth smaller, but "
        "Spark 3.5 and DuckDB 1 cannot read it; plain: for every Parquet reader, but slower. --form cuts always uses "
        "compact.", panel=OUTPUT,
    )  # fmt: skip
    shard_rows: int = option(1_000_000, "Maximum number of rows per shard.", metavar="N", panel=OUTPUT)
    user_ids: Literal["none", "raw"] = option(
        "none",
        "raw: also write users.parquet with the user ids of the log; by default, user ids are not written.",
        panel=OUTPUT,
    )
    item_info: str | None = option(
        None,
        "File with titles or other columns of items (Parquet, JSON Lines or CSV, one row per item), which are written "
        "to items.parquet.",
        metavar="FILE",
        panel=OUTPUT,
    )
    item_info_id: str | None = option(
        None, "Column of item ids in the file of --item-info; by default detected by its name.", metavar="COLUMN",
        panel=OUTPUT,
    )  # fmt: skip
