"""The options of every job, as frozen dataclasses; nothing heavy is imported, so `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.export.formats import FORMATS
from genpas_cli.ingest.options import CleaningOptions, NumberingOptions, ReadingOptions, SplitOptions
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

SAMPLING = "Sampling"
OUTPUT = "Output"
FIGURES = "Figures"
GRID = "Grid"
SEMANTIC = "Semantic IDs"
MODEL = "Model"
TRAINING = "Training"
EVALUATION = "Evaluation"


@dataclass(frozen=True, kw_only=True)
class PassOptions(CleaningOptions, SplitOptions):
    """The options that the passes look at."""


@dataclass(frozen=True, kw_only=True)
class IngestOptions(ReadingOptions, PassOptions, NumberingOptions, MachineOptions):
    """All options of `ingest`."""


@dataclass(frozen=True, kw_only=True)
class TargetOptions(MachineOptions):
    """Which interactions can be targets."""

    target_where: str | None = option(
        None, "Only interactions for which this SQL expression over the kept columns is true can be targets; they stay "
        "in the inputs of others. The formulas run over the targets that are left.", metavar="SQL", panel=SAMPLING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(TargetOptions):
    """All options of `augment` that do not concern the reading of logs."""

    strategy: str | None = option(
        None, "Cutting rule: last-target, multi-target, slide-window, or the biases as A,B,G.",
        flags=("-s", "--strategy"), metavar="NAME|A,B,G", panel=SAMPLING,
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
        "Draw so many data sets, one an epoch of training, each into a directory of its own.",
        metavar="K",
        panel=SAMPLING,
    )
    max_input: str = option(
        "50", "Cut inputs to their most recent so many items; none keeps all.", metavar="L|none", panel=SAMPLING
    )
    seed: int = option(0, "Seed of every random choice.", panel=SAMPLING)
    order: Literal["shuffled", "user"] = option(
        "shuffled",
        "Order of training rows in a shard; user keeps a user's pairs together, in files four times smaller.",
        panel=OUTPUT,
    )
    form: Literal["items", "cuts"] = option(
        "items", "items: a pair holds its items, for any reader; cuts: it holds where it is cut, and the sequences "
        "stand beside the pairs once, in files several times smaller, for genpas's own export, loaders, stats and "
        "train.",
        panel=OUTPUT,
    )  # fmt: skip
    shard_rows: int = option(1_000_000, "Rows of a shard, at most.", metavar="N", panel=OUTPUT)
    user_ids: Literal["none", "raw"] = option(
        "none", "raw: write users.parquet too; by default ids of people stay in the store.", panel=OUTPUT
    )


@dataclass(frozen=True, kw_only=True)
class FigureOptions(TargetOptions):
    """How figures of pairs are taken."""

    max_input: str = option(
        "50", "Inputs are cut to their most recent so many items; none keeps all.", metavar="L|none", panel=FIGURES
    )
    similarity: str = option(
        "containment@10",
        "How inputs are compared for alignment: containment, recall, cosine or overlap, of the last so many items.",
        metavar="NAME[@N]", panel=FIGURES,
    )  # fmt: skip
    epsilon: float = option(1e-10, "Added to every item's probability in KL divergences.", metavar="E", panel=FIGURES)


@dataclass(frozen=True, kw_only=True)
class StatsOptions(FigureOptions):
    """All options of `stats` that do not concern the reading of logs."""

    strategy: tuple[str, ...] = option(
        (), "Cutting rule: last-target, multi-target, slide-window, or the biases as A,B,G; again for more. "
        "(default: the three names and 1,0,0)", flags=("-s", "--strategy"), metavar="NAME|A,B,G", panel=FIGURES,
    )  # fmt: skip
    pairs: str | None = option(
        None, "How many pairs the figures of a finite draw are for: a number, or a multiple such as 2x of "
        "Multi-Target's count. (default: 1x; for a name as many as it enumerates)", metavar="N|2x", panel=FIGURES,
    )  # fmt: skip
    input_column: str | None = option(
        None, "SOURCE is Parquet of another tool: its column of input lists.", metavar="NAME", panel=FIGURES
    )
    target_column: str | None = option(None, "Likewise: its column of targets.", metavar="NAME", panel=FIGURES)


@dataclass(frozen=True, kw_only=True)
class TuneOptions(FigureOptions):
    """All options of `tune` that do not concern the reading of logs."""

    alpha: str = option(
        "0:2:0.2", "Sequence biases to try: numbers with commas between, or FROM:TO:STEP.", metavar="VALUES", panel=GRID
    )
    beta: str = option("0:2:0.2", "Target biases to try.", metavar="VALUES", panel=GRID)
    gamma: str = option("-inf,-1,0,1", "Input biases to try.", metavar="VALUES", panel=GRID)
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
        None, "Train the reference model on the first so many configurations; the one with the best validation NDCG@10 "
        "wins.", metavar="K", panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExportOptions(MachineOptions):
    """All options of `export`."""

    to: str = option("jsonl", f"Format: {', '.join(FORMATS)}.", metavar="FORMAT", panel=OUTPUT)
    split: Literal["train", "validation", "test"] | None = option(
        None, "Write this split alone, to the file OUT where the format has one file a split; by default all splits, "
        "into the directory OUT. With -o -: by default train.", panel=OUTPUT,
    )  # fmt: skip
    epoch: int | None = option(
        None, "Of pairs with several epochs: the training pairs of this one, from 0; by default of all, in order.",
        metavar="E", panel=OUTPUT,
    )  # fmt: skip
    ids: Literal["raw", "num"] | None = option(
        None, "Items, and users where their ids are known, as the log's ids or as numbers; by default as they come.",
        panel=OUTPUT,
    )  # fmt: skip
    pad: Literal["left", "right", "none"] = option(
        "none", "Fill inputs up with 0 to the greatest length that they can have.", panel=OUTPUT
    )
    limit: int | None = option(None, "Write the first so many pairs of each split.", metavar="N", panel=OUTPUT)
    columns: str | None = option(
        None, "Write these columns, in this order where the format leaves a choice; by default all that it holds.",
        metavar="A,B,...", panel=OUTPUT,
    )  # fmt: skip
    vocab: str | None = option(
        None, "Pairs directory of the same log, by whose items.parquet the ids of a stream are translated.",
        metavar="DIR", panel=OUTPUT,
    )  # fmt: skip
    semantic_ids: str | None = option(
        None, "Parquet of item_id and a list of codes: each item becomes its codes, a token each.", metavar="FILE",
        panel=SEMANTIC,
    )  # fmt: skip
    missing_codes: Literal["error", "drop"] = option(
        "error", "Items without codes: an error; or they leave inputs, and pairs whose target they are go.",
        panel=SEMANTIC,
    )  # fmt: skip
    colliding_codes: Literal["error", "append", "keep"] = option(
        "error", "Items that share all codes: an error; append one more code that tells them apart; or keep them so.",
        panel=SEMANTIC,
    )  # fmt: skip
    separator: bool = option(False, "Put a token of its own between two items.", panel=SEMANTIC)  # a default
    end_token: bool = option(
        False, "End each input and each target with a token of its own.", panel=SEMANTIC
    )  # a default


@dataclass(frozen=True, kw_only=True)
class ModelOptions(MachineOptions):
    """The model, how it is trained, how it is evaluated."""

    model: Literal["sasrec"] = option("sasrec", "Which model.", panel=MODEL)
    dim: int = option(64, "Width of its states and embeddings.", metavar="N", panel=MODEL)
    layers: int = option(2, "Blocks of attention.", metavar="N", panel=MODEL)
    heads: int = option(2, "Heads of attention; they divide the width.", metavar="N", panel=MODEL)
    dropout: float = option(0.3, "Chance that a value is dropped while training.", metavar="P", panel=MODEL)
    steps: int = option(20_000, "Most steps.", metavar="N", panel=TRAINING)
    round_steps: int = option(
        500, "Steps between two evaluations on the validation pairs.", metavar="N", panel=TRAINING
    )
    patience: int = option(
        6, "Stop after so many evaluations without a better NDCG@10; the best one's model is kept.", metavar="N",
        panel=TRAINING,
    )  # fmt: skip
    batch_size: int = option(512, "Pairs of a step.", metavar="N", panel=TRAINING)
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
    """Several runs of several strategies, all with the same model and the same budget."""

    seeds: int = option(3, "Runs of each strategy, with seeds 0, 1, ...", metavar="N", panel=TRAINING)
    draws: Literal["fresh", "fixed"] = option(
        "fresh", "fresh: a strategy that is sampled draws new pairs in every epoch; fixed: the same ones again.",
        panel=TRAINING,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CompareOptions(RunsOptions, FigureOptions):
    """All options of `compare` that do not concern the reading of logs."""

    strategy: tuple[str, ...] = option(
        (), "Cutting rule: last-target, multi-target, slide-window, or the biases as A,B,G; again for more. "
        "(default: the three names and 1,0,0)", flags=("-s", "--strategy"), metavar="NAME|A,B,G", panel=SAMPLING,
    )  # fmt: skip
    pairs: str | None = option(
        None, "Training pairs of an epoch, as of augment; by default 1x, and a named strategy is enumerated.",
        metavar="N|2x|all", panel=SAMPLING,
    )  # fmt: skip
    draw: Literal["balanced", "independent"] = option(
        "balanced", "How the strategies that are sampled are drawn, as of augment.", panel=SAMPLING
    )


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ModelOptions):
    """All options of `train`."""

    max_input: int | None = option(
        None, "Cut inputs to their most recent so many items; by default as the pairs are, or to 50 if they are not.",
        metavar="L", panel=MODEL,
    )  # fmt: skip
    seed: int = option(0, "Seed of weights, dropout and the order of pairs.", panel=TRAINING)
    epochs_data: int | None = option(
        None, "Of pairs with several epochs, read the first so many in turn; by default all.", metavar="K",
        panel=TRAINING,
    )  # fmt: skip
    fresh: str | None = option(
        None, "Draw new training pairs from this store in every epoch, by the strategy of PAIRS.", metavar="STORE",
        panel=TRAINING,
    )  # fmt: skip
