"""One training run, new or resumed, up to an evaluated model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from genpas_cli.loaders.pair_shards import PairShards
from genpas_cli.runtime.progress import Progress
from genpas_cli.sampling.kernels import Ints
from genpas_cli.training.comparison import ACCURACY
from genpas_cli.training.evaluation.accuracy import HeldOutPairs, accuracy, popularity_ranks, ranked
from genpas_cli.training.models.interface import NextItemModel
from genpas_cli.training.runs import checkpoint
from genpas_cli.training.runs.data import TrainingBatches, item_occurrences
from genpas_cli.training.runs.loop import Round, Schedule, Trainer

CHECKPOINT = "checkpoint.pt"
MODEL = "model.pt"


@dataclass(frozen=True)
class RunPlan:
    """Everything that determines the result of a run, except the pairs."""

    build: Callable[[], NextItemModel]
    """Makes the model with new weights; it is called after the random seed is set."""
    schedule: Schedule
    batch_size: int
    seed: int
    filter_seen: bool
    """Whether a pair's input items are excluded from its ranking, except the target."""


class Sources(NamedTuple):
    """The pairs of a run."""

    train: PairShards
    held_out: PairShards
    """Pairs with the splits `validation` and `test`."""
    vocabulary: str
    """Digest of the item vocabulary."""


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    rounds: list[Round]
    best: Round
    validation: dict[str, Any]
    """See `genpas_cli.training.evaluation.accuracy.accuracy`."""
    test: dict[str, Any]
    ranked_test: HeldOutPairs
    test_popularity_rank: Ints
    """Popularity rank of the target of each test pair, from 1."""
    ranking: dict[str, Any]
    """How the model ranks items, and how many targets it missed; see `genpas_cli.training.metrics_keys`."""
    size: dict[str, Any]
    """The sizes of the model."""
    parameters: int
    times: dict[str, float]
    """Seconds: `steps`, of all steps; `loader`, the part of them spent waiting for batches; `evaluation`, of ranking
    both held-out splits once."""


def run(  # noqa: PLR0913  # all but two by keyword
    plan: RunPlan, sources: Sources, *, directory: Path, device: torch.device, threads: int,
    observe: Callable[[Round], None], progress: Progress,
) -> Outcome:  # fmt: skip
    """Train and evaluate; write `checkpoint.pt` after every round, and `model.pt` at the end.

    Args:
        plan: the plan.
        sources: the pairs.
        directory: the output directory; if it holds a checkpoint, the run resumes from it.
        device: the device for training and evaluation.
        threads: number of CPU threads.
        observe: called with every round.
        progress: called with the progress.

    Raises:
        UsageError: training has diverged.
        IntegrityError: the checkpoint is damaged.
        MachineError: disk space is missing.
    """
    with ExitStack() as stack:
        stack.enter_context(_set_up(plan.seed, device, threads))
        model = plan.build().to(device)
        batches = TrainingBatches(sources.train, plan.batch_size, model.max_input, plan.seed)
        stack.enter_context(closing(batches))
        trainer = Trainer(model, batches, plan.schedule)
        kept = directory / CHECKPOINT
        if kept.is_file():
            trainer.load_state_dict(checkpoint.load(kept))

        def validate() -> dict[str, float]:
            # Reported within the stage "training": a new stage would restart the bar and lose the time estimate.
            progress("training", trainer.step, plan.schedule.steps, "ranking the validation pairs")
            return ranked(model, sources.held_out, "validation", filter_seen=plan.filter_seen).means(model.items)

        def tell(step: int, loss: float) -> None:
            progress("training", step, plan.schedule.steps, _note(trainer, loss))

        for each in trainer.train(validate, tell):
            checkpoint.save(kept, trainer.state_dict())
            observe(each)
        checkpoint.save_model(directory / MODEL, model, sources.vocabulary)
        return _outcome(trainer, sources, filter_seen=plan.filter_seen, progress=progress)


def _note(trainer: Trainer, loss: float) -> str:
    if not trainer.rounds:
        return f"loss {loss:.3f}"
    best, pace = trainer.best.validation[ACCURACY], 1000 * trainer.seconds / trainer.step
    return f"loss {loss:.3f}, best NDCG@10 {best:.4f}, {pace:.0f} ms per step"


def _outcome(trainer: Trainer, sources: Sources, *, filter_seen: bool, progress: Progress) -> Outcome:
    model, started = trainer.model, time.perf_counter()
    found = {}
    for split in ("validation", "test"):
        progress(f"ranking {split}")
        found[split] = ranked(model, sources.held_out, split, filter_seen=filter_seen)
    seconds = time.perf_counter() - started
    popular = item_occurrences(sources.held_out, "test", model.max_input, model.items)
    return Outcome(
        rounds=trainer.rounds, best=trainer.best, ranked_test=found["test"],
        test_popularity_rank=popularity_ranks(popular)[found["test"].target - 1],
        validation=accuracy(found["validation"], popular), test=accuracy(found["test"], popular),
        ranking=model.ranking({split: pairs.target[pairs.missed] for split, pairs in found.items()}), size=model.size(),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        times={"steps": trainer.seconds, "loader": trainer.batches.waited, "evaluation": seconds},
    )  # fmt: skip


@contextmanager
def _set_up(seed: int, device: torch.device, threads: int) -> Iterator[None]:
    """Set PyTorch's random seed and number of threads, and restore both at the end."""
    before = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
