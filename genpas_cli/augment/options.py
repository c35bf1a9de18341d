"""The options of `augment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option
from genpas_cli.sampling.rules import USAGES

SAMPLING = "Sampling"
OUTPUT = "Output"

STRATEGIES = f"{', '.join(USAGES.values())}, or the biases as A,B,G"
"""Values of `--strategy`, for help texts."""

STRATEGY = "NAME[:KEY=VALUE,...]|A,B,G"


@dataclass(frozen=True, kw_only=True)
class TargetOptions(MachineOptions):
    """The option that restricts targets."""

    target_where: str | None = option(
        None, "Only interactions for which this SQL expression over the kept columns is true can be targets; they stay "
        "in the inputs of others. The formulas run over the targets that are left.", metavar="SQL", panel=SAMPLING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(TargetOptions):
    """All options of `augment` except those for reading logs."""

    strategy: str | None = option(
        None, f"Cutting rule: {STRATEGIES}.", flags=("-s", "--strategy"), metavar=STRATEGY, panel=SAMPLING,
    )  # fmt: skip
    alpha: float | None = option(
        None,
        "Sequence bias: <0 favours short, 0 none, >0 long sequences; or inf, -inf. (default: 1)",
        metavar="A",
        panel=SAMPLING,
    )
    beta: float | None = option(
        None,
        "Target bias: <0 favours early, 0 none, >0 recent targets; or inf, -inf. (default: 0)",
        metavar="B",
        panel=SAMPLING,
    )
    gamma: float | None = option(
        None,
        "Input bias: <0 favours long, 0 none, >0 short inputs; or inf, -inf. (default: 0)",
        metavar="G",
        panel=SAMPLING,
    )
    draw: Literal["balanced", "independent"] = option(
        "balanced", "balanced: every (sequence, target) as often as it should be, up to rounding; "
        "independent: draws with replacement.", panel=SAMPLING)  # fmt: skip
    pairs: str | None = option(
        None, "Training pairs of an epoch: a number; a multiple such as 2x of Multi-Target's count, which is one for "
        "each possible target; or all, to enumerate a named strategy however many that gives. "
        "(default: 1x; a named strategy enumerates)",
        metavar="N|2x|all", panel=SAMPLING)  # fmt: skip
    epochs: int = option(
        1,
        "Draw K data sets, one per training epoch, each into a directory of its own.",
        metavar="K",
        panel=SAMPLING,
    )
    max_input: str = option(
        "50", "Keep at most the L most recent input items; none: no limit.", metavar="L|none", panel=SAMPLING
    )
    seed: int = option(0, "Seed of every random choice.", panel=SAMPLING)
    order: Literal["shuffled", "user"] = option(
        "shuffled",
        "Order of training rows in a shard; user keeps a user's pairs together, in files four times smaller.",
        panel=OUTPUT,
    )
    form: Literal["items", "cuts"] = option(
        "items", "items: a pair holds its items, for any reader; cuts: it holds where it is cut, and the sequences "
        "are stored once next to the pairs, in files several times smaller, for genpas's own export, loaders, stats "
        "and train.",
        panel=OUTPUT,
    )  # fmt: skip
    shard_rows: int = option(1_000_000, "Rows of a shard, at most.", metavar="N", panel=OUTPUT)
    user_ids: Literal["none", "raw"] = option(
        "none", "raw: write users.parquet too; by default ids of people stay in the store.", panel=OUTPUT
    )
