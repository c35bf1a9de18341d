"""The keys of `metrics.json`, as types; docs/reference/schemas/train.schema.json is generated from them."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from genpas_cli.pairs.manifest_keys import RunRecord, StrategyRecord
from genpas_cli.training.evaluation.ranking import Interval
from genpas_cli.training.runs.loop import Round

_Group = TypedDict(
    "_Group",
    {
        "ndcg@5": float | None, "ndcg@10": float | None, "ndcg@20": float | None, "recall@5": float | None,
        "recall@10": float | None, "recall@20": float | None, "mrr": float | None,
    },
)  # fmt: skip
_Intervals = TypedDict(
    "_Intervals",
    {
        "ndcg@5": Interval, "ndcg@10": Interval, "ndcg@20": Interval, "recall@5": Interval, "recall@10": Interval,
        "recall@20": Interval, "mrr": Interval,
    },
)  # fmt: skip


class GroupMeans(_Group):
    """The mean of each metric over a group of held-out pairs, 0..1, higher is better; null if the group is empty."""

    pairs: int
    """Number of pairs in the group."""


class Accuracy(_Intervals):
    """Each metric over all pairs of a split, with its 95% interval, and over groups of the pairs."""

    pairs: int
    head: GroupMeans
    """Pairs whose target is among the most popular 20% of the items."""
    tail: GroupMeans
    """The other pairs."""
    by_history: dict[str, GroupMeans]
    """Groups by the number of input items, such as `1-5`."""


class TrainedOn(TypedDict):
    """The pairs of a training run."""

    directory: str
    digest: str
    """Digest of the manifest without `run`."""
    vocabulary: str
    """Digest of `items.parquet`."""
    strategy: StrategyRecord
    pairs: int
    """Number of training pairs in one epoch."""
    epochs: int


class CodesRecord(TypedDict):
    """The codes of the items."""

    file: str
    """Value of `--semantic-ids`."""
    sha256: str
    """Digest of the file."""


class ModelRecord(TypedDict):
    """The model and its size, see `ModelShape` and `TigerShape` in `genpas_cli.training.models`."""

    name: Literal["sasrec", "tiger"]
    items: int
    max_input: int
    """Longest input, in items."""
    dim: int
    layers: int
    heads: int
    dropout: float
    codes: NotRequired[list[int]]
    """Number of codes of each level; only for tiger, like the next four."""
    head_dim: NotRequired[int]
    """Width of an attention head."""
    feed_dim: NotRequired[int]
    """Width of the hidden layer of a feed-forward network."""
    user_tokens: NotRequired[int]
    beam: NotRequired[int]
    parameters: int
    """Number of trained parameters."""


class TrainingRecord(TypedDict):
    """The course of the training."""

    steps: int
    """Number of steps taken."""
    best_step: int
    """Step after which the kept model was taken."""
    epochs: int
    """Number of epochs of the pairs that were started."""
    stopped_by: Literal["steps", "patience"]
    rounds: list[Round]


class EvaluationRecord(TypedDict):
    """How held-out pairs are ranked."""

    ranking: Literal["full", "beam"]
    """`full`: every item has a score. `beam`: beam search finds items, and other targets are missed."""
    items: int
    """Number of items of the vocabulary."""
    seen: Literal["keep", "filter"]
    """Value of `--seen`."""
    beam: NotRequired[int]
    """Value of `--beam`; only for tiger, like the next four."""
    missed: NotRequired[dict[str, int]]
    """Number of validation and test pairs whose target beam search did not find."""
    targets_without_codes: NotRequired[dict[str, int]]
    """Number of validation and test pairs whose target has no codes; they are among those of `missed`."""
    items_without_codes: NotRequired[int]
    """Number of items without codes; they are never found."""
    items_sharing_codes: NotRequired[int]
    """Number of items whose codes are also those of another item; they have equal scores."""


class TrainRunRecord(RunRecord):
    """Facts of one training run."""

    device: str
    threads: int
    training_seconds: float
    step_milliseconds: float
    loader_share: float
    """Share of the training time that was spent waiting for pairs, 0..1."""
    evaluation_seconds: float
    """Time to rank both held-out splits once."""


class MetricsKeys(TypedDict):
    """The report of `genpas train`, and the content of `metrics.json`."""

    format_version: int
    pairs: TrainedOn
    codes: NotRequired[CodesRecord]
    """Only for tiger."""
    model: ModelRecord
    options: dict[str, Any]
    """The options that affect the result, by field of `TrainOptions`."""
    training: TrainingRecord
    evaluation: EvaluationRecord
    validation: Accuracy
    test: Accuracy
    versions: dict[str, str]
    """Versions of genpas and PyTorch."""
    run: TrainRunRecord
    """Facts of the run, which are not part of the result."""
    files: dict[str, str]
    """SHA-256 of the other files of the model directory, by name."""
    sha256: str
    """Digest of all other keys except `run`."""
