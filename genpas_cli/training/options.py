"""The options of the reference model and of the commands that train it: `train`, `compare` and `tune`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.augment.options import SAMPLING, STRATEGIES, STRATEGY
from genpas_cli.figures.options import FigureOptions
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

GRID = "Grid"
MODEL = "Model"
TRAINING = "Training"
EVALUATION = "Evaluation"


@dataclass(frozen=True, kw_only=True)
class ModelOptions(MachineOptions):
    """The options of the model, its training and its evaluation."""

    model: Literal["sasrec"] = option("sasrec", "Which model.", panel=MODEL)
    dim: int = option(64, "Width of its states and embeddings.", metavar="N", panel=MODEL)
    layers: int = option(2, "Blocks of attention.", metavar="N", panel=MODEL)
    heads: int = option(2, "Heads of attention; they divide the width.", metavar="N", panel=MODEL)
    dropout: float = option(0.3, "Chance that a value is dropped while training.", metavar="P", panel=MODEL)
    steps: int = option(20_000, "Maximum number of steps.", metavar="N", panel=TRAINING)
    round_steps: int = option(
        500, "Steps between two evaluations on the validation pairs.", metavar="N", panel=TRAINING
    )
    patience: int = option(
        6, "Stop after N evaluations without a better NDCG@10, and keep the best model.", metavar="N",
        panel=TRAINING,
    )  # fmt: skip
    batch_size: int = option(512, "Pairs per batch.", metavar="N", panel=TRAINING)
    lr: float = option(0.001, "Learning rate of AdamW, after a warm-up of 200 steps.", metavar="R", panel=TRAINING)
    weight_decay: float = option(0.0, "Weight decay of matrices.", metavar="W", panel=TRAINING)
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "How matrices are multiplied; auto: bf16 on a GPU that has it, else fp32.", panel=TRAINING
    )
    device: str = option(
        "auto", "auto, cpu, cuda, cuda:1, mps; auto takes a GPU if there is one.", metavar="NAME", panel=TRAINING
    )
    seen: Literal["keep", "filter"] = option(
        "keep", "filter: items of a held-out pair's input take no part in its ranking, but for its target.",
        panel=EVALUATION,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunsOptions(ModelOptions):
    """The options of several runs of several strategies, all with the same model and budget."""

    seeds: int = option(3, "Runs of each strategy, with seeds 0, 1, ...", metavar="N", panel=TRAINING)
    draws: Literal["fresh", "fixed"] = option(
        "fresh", "fresh: a strategy that is sampled draws new pairs in every epoch; fixed: the same ones again.",
        panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ModelOptions):
    """All options of `train`."""

    max_input: int | None = option(
        None, "Keep at most the L most recent input items. (default: the limit of the pairs, or 50 if they have none)",
        metavar="L", panel=MODEL,
    )  # fmt: skip
    seed: int = option(0, "Seed of weights, dropout and the order of pairs.", panel=TRAINING)
    epochs_data: int | None = option(
        None, "Read the first K epochs of the pairs in turn; by default all.", metavar="K",
        panel=TRAINING,
    )  # fmt: skip
    fresh: str | None = option(
        None, "Draw new training pairs from this store in every epoch, by the strategy of PAIRS.", metavar="STORE",
        panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CompareOptions(RunsOptions, FigureOptions):
    """All options of `compare` except those for reading logs."""

    strategy: tuple[str, ...] = option(
        (), f"Cutting rule: {STRATEGIES}; give it again for more. "
        "(default: last-target, multi-target, slide-window and 1,0,0)", flags=("-s", "--strategy"),
        metavar=STRATEGY, panel=SAMPLING,
    )  # fmt: skip
    pairs: str | None = option(
        None, "Training pairs of an epoch, as of augment; by default 1x, and a named strategy is enumerated.",
        metavar="N|2x|all", panel=SAMPLING,
    )  # fmt: skip
    draw: Literal["balanced", "independent"] = option(
        "balanced", "How the strategies that are sampled are drawn, as of augment.", panel=SAMPLING
    )


@dataclass(frozen=True, kw_only=True)
class TuneOptions(FigureOptions):
    """All options of `tune` except those for reading logs and those of `RunsOptions`."""

    alpha: str = option(
        "0:2:0.2", "Sequence biases to try: numbers with commas between, or FROM:TO:STEP.", metavar="VALUES", panel=GRID
    )
    beta: str = option("0:2:0.2", "Target biases to try.", metavar="VALUES", panel=GRID)
    gamma: str = option("-inf,-1,0,1", "Input biases to try.", metavar="VALUES", panel=GRID)
    strategy: tuple[str, ...] = option(
        (), f"Strategy to try in addition to the grid: {STRATEGIES}; give it again for more.",
        flags=("-s", "--strategy"), metavar=STRATEGY, panel=GRID,
    )  # fmt: skip
    select: Literal["front", "published"] = option(
        "front", "How the winner is chosen. front: within each gamma, keep what no other configuration beats by more "
        "than 2% in both KL and A/D, and rank it by its distance from the best. These figures do not decide gamma (A/D "
        "compares only within one): the gamma nearest to 0 comes first, and --train-top decides by training. "
        "published: keep a share by KL and rank it by A/D, whatever the gamma. Equal figures: the biases nearest to 0 "
        "come first. Both ranks are always printed.", panel=GRID,
    )  # fmt: skip
    keep_share: float = option(
        0.2, "published: share of the configurations that its KL filter keeps.", metavar="SHARE", panel=GRID
    )
    top: int = option(10, "published: how many of these it keeps by A/D.", metavar="N", panel=GRID)
    pairs: str = option(
        "1x", "Pairs that will be drawn: a number, or a multiple such as 2x of Multi-Target's count; KL is taken of "
        "such a draw.", metavar="N|2x", panel=GRID,
    )  # fmt: skip
    train_top: int | None = option(
        None, "Train the reference model on the first K configurations; the one with the best validation NDCG@10 "
        "wins.", metavar="K", panel=TRAINING,
    )  # fmt: skip
