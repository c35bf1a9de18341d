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

    model: Literal["sasrec", "tiger"] = option(
        "sasrec", "Model to train. sasrec: a decoder that scores every item. tiger: an encoder and decoder that "
        "generate the codes of the next item; it needs --semantic-ids.", panel=MODEL,
    )  # fmt: skip
    preset: Literal["small", "paper"] | None = option(
        None, "Sizes of --model tiger. small: for a CPU. paper: those of the TIGER paper. (default: small)",
        panel=MODEL,
    )  # fmt: skip
    dim: int | None = option(
        None, "Width of the hidden states and the embeddings. (default: 64; tiger: 128)", metavar="N", panel=MODEL
    )
    layers: int | None = option(
        None, "Number of attention blocks; tiger: in the encoder, and in the decoder. (default: 2; tiger paper: 4)",
        metavar="N", panel=MODEL,
    )  # fmt: skip
    heads: int | None = option(
        None, "Number of attention heads; sasrec: must divide --dim. (default: 2; tiger: 4; tiger paper: 6)",
        metavar="N", panel=MODEL,
    )  # fmt: skip
    dropout: float | None = option(
        None, "Dropout probability during training. (default: 0.3; tiger: 0.1)", metavar="P", panel=MODEL
    )
    semantic_ids: str | None = option(
        None, "File with the codes of each item: Parquet as written by semantic-ids, an index.json or an .npy array; "
        "required by --model tiger.", metavar="FILE", panel=MODEL,
    )  # fmt: skip
    missing_codes: Literal["error", "drop"] = option(
        "error", "Items without codes: stop (error); or remove them from inputs, skip training pairs with such a "
        "target, and count held-out pairs with such a target as missed (drop).", panel=MODEL,
    )  # fmt: skip
    user_tokens: int = option(
        0, "Add one of N user tokens at the start of each input of tiger: user number n has token (n - 1) modulo N.",
        metavar="N", panel=MODEL,
    )  # fmt: skip
    steps: int = option(20_000, "Maximum number of steps.", metavar="N", panel=TRAINING)
    round_steps: int = option(
        500, "Number of steps between two evaluations on the validation pairs.", metavar="N", panel=TRAINING
    )
    patience: int = option(
        6, "Stop after N evaluations without a better validation NDCG@10; the best model is kept.", metavar="N",
        panel=TRAINING,
    )  # fmt: skip
    batch_size: int = option(512, "Pairs per batch.", metavar="N", panel=TRAINING)
    lr: float = option(0.001, "Learning rate of AdamW, after a warm-up of 200 steps.", metavar="R", panel=TRAINING)
    weight_decay: float = option(0.0, "Weight decay of the weight matrices.", metavar="W", panel=TRAINING)
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "Precision of matrix products; auto: bf16 if the GPU supports it, otherwise fp32.", panel=TRAINING
    )
    device: str = option(
        "auto",
        "Device: auto, cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.",
        metavar="NAME",
        panel=TRAINING,
    )
    seen: Literal["keep", "filter"] = option(
        "keep", "keep: all items are ranked; filter: the items of a held-out pair's input are excluded from its "
                "ranking, except the target.",
        panel=EVALUATION,
    )  # fmt: skip
    beam: int = option(
        20, "Number of code sequences that tiger keeps at each level while it generates items; a target outside the "
        "beam counts as missed.", metavar="N", panel=EVALUATION,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunsOptions(ModelOptions):
    """The options of several runs of several strategies, all with the same model and budget."""

    seeds: int = option(3, "Number of runs per strategy, with seeds 0, 1, ...", metavar="N", panel=TRAINING)
    draws: Literal["fresh", "fixed"] = option(
        "fresh", "fresh: sampled strategies draw new pairs in every epoch; fixed: the same pairs are used in every "
                 "epoch.",
        panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ModelOptions):
    """All options of `train`."""

    max_input: int | None = option(
        None, "Keep at most the L most recent input items. (default: the --max-input of the pairs, or 50 if they "
              "have none; tiger: at most 20)",
        metavar="L", panel=MODEL,
    )  # fmt: skip
    seed: int = option(0, "Random seed for weights, dropout and the order of the pairs.", panel=TRAINING)
    epochs_data: int | None = option(
        None, "Train only on the first K epochs that augment --epochs wrote, in turn; by default on all of them.",
        metavar="K", panel=TRAINING,
    )  # fmt: skip
    fresh: str | None = option(
        None, "Draw new training pairs from this store in every epoch, with the strategy of PAIRS.", metavar="STORE",
        panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CompareOptions(RunsOptions, FigureOptions):
    """All options of `compare` except those for reading logs."""

    strategy: tuple[str, ...] = option(
        (), f"Strategy: {STRATEGIES}; repeatable. With @DURATION, such as 1,0,0@365d, its targets are weighted by this "
        "--half-life. (default: last-target, multi-target, slide-window and 1,0,0)", flags=("-s", "--strategy"),
        metavar=f"{STRATEGY}[@DURATION]", panel=SAMPLING,
    )  # fmt: skip
    pairs: str | None = option(
        None, "Number of training pairs per epoch, as in augment --pairs; by default 1x, but each pair once for "
              "named strategies, unless targets are weighted.",
        metavar="N|2x|all", panel=SAMPLING,
    )  # fmt: skip
    draw: Literal["balanced", "independent"] = option(
        "balanced", "How sampled strategies draw their pairs, as in augment --draw.", panel=SAMPLING
    )


@dataclass(frozen=True, kw_only=True)
class TuneOptions(FigureOptions):
    """All options of `tune` except those for reading logs and those of `RunsOptions`."""

    alpha: str | float = option(
        "0:2:0.2", "Sequence biases to try: numbers separated by commas, or FROM:TO:STEP.", metavar="VALUES", panel=GRID
    )
    beta: str | float = option("0:2:0.2", "Target biases to try.", metavar="VALUES", panel=GRID)
    gamma: str | float = option("-inf,-1,0,1", "Input biases to try.", metavar="VALUES", panel=GRID)
    strategy: tuple[str, ...] = option(
        (), f"Strategy to try in addition to the grid: {STRATEGIES}; repeatable. --train-top trains it whatever its "
        "figures are.", flags=("-s", "--strategy"),
        metavar=STRATEGY, panel=GRID,
    )  # fmt: skip
    half_life: str | None = option(
        None, "Half-lives of the weights of targets to try, separated by commas; none: without weights. For example "
        "none,180d,365d; see augment --half-life.", metavar="VALUES", panel=GRID,
    )  # fmt: skip
    search: Literal["all", "halving"] = option(
        "all", "all: compute all figures of every configuration. halving: begin with a coarse grid of alpha and beta, "
        "keep the best third of the configurations by KL (with --select entropy: by KL and entropy), and add their "
        "neighbours in the grid; alignment and discrimination are computed only for the best third of these, for every "
        "gamma. With --train-top, halving also trains in rounds: each trains half as many configurations for twice as "
        "many steps.",
        panel=GRID,
    )  # fmt: skip
    minutes: float | None = option(
        None, "With --search halving and --train-top: shorten the training so that the search ends within about this "
        "time.", metavar="N", panel=TRAINING,
    )  # fmt: skip
    select: Literal["front", "entropy", "published"] = option(
        "front", "How the winner is chosen, by the KL of the drawn pairs and by A/D, which is alignment divided by "
        "discrimination. front: near their Pareto front. For each gamma, drop a configuration if another one is more "
        "than 2% better in both, and sort the others by their distance to the best KL and the best A/D of that gamma. "
        "A/D can be compared only within one gamma, so the first configuration of the gamma nearest to 0 wins. "
        "entropy: sort by the KL minus 0.1 times the entropy of the pairs, over all gammas. published: as in the "
        "paper, keep the configurations with the lowest exact KL (--keep-share), and sort them by A/D over all gammas. "
        "All three ranks are always printed.", panel=GRID,
    )  # fmt: skip
    keep_share: float = option(
        0.2, "With --select published: keep this share of the configurations, those with the lowest KL.",
        metavar="SHARE", panel=GRID,
    )  # fmt: skip
    top: int = option(
        10, "With --select published: keep the N configurations with the best A/D.", metavar="N", panel=GRID
    )
    pairs: str = option(
        "1x", "Number of pairs to draw: a number, or a multiple of Multi-Target's number of pairs such as 2x; KL is "
        "computed for such a draw.", metavar="N|2x", panel=GRID,
    )  # fmt: skip
    train_top: int | None = option(
        None, "Train the reference model on the first K configurations and on the strategies of --strategy; the one "
        "with the best validation NDCG@10 wins.", metavar="K", panel=TRAINING,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check every value, and convert a single number of the grid to its text, as the command line gives it."""
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if isinstance(value, float):
                object.__setattr__(self, name, f"{value:.15g}")
