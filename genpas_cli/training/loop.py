"""Training: steps of AdamW until validation accuracy gets no better; it can stop at any round and go on later.

A *round* is some steps and an evaluation. Between rounds everything that the next one depends on is in `state_dict`:
weights, optimizer, randomness, the place in the data. So a run that was killed and goes on from its last round ends,
on a CPU, with the very weights of one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from genpas_cli.runtime.errors import UsageError
from genpas_cli.training.data import TrainingBatches
from genpas_cli.training.model import SASRec

SELECT_BY = "ndcg@10"
"""The validation metric that chooses among rounds."""

_LOOKED_AT = 20
"""Steps between two looks at the loss: each makes a GPU wait."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a run learns."""

    steps: int
    """Most steps."""
    round_steps: int
    """Steps of a round."""
    patience: int
    """Rounds without a better one before it stops."""
    learning_rate: float
    """After the warm-up."""
    weight_decay: float
    """Of matrices; embeddings, norms and biases have none."""
    bf16: bool
    """Whether matrices are multiplied in bfloat16."""

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, from 0: a linear warm-up, then constant."""
        return self.learning_rate * min(1.0, (step + 1) / _WARM_UP)


_WARM_UP = 200
"""Steps of the warm-up."""


@dataclass(frozen=True)
class Round:
    """What a round has come to."""

    step: int
    """Steps so far."""
    epoch: int
    """Epoch of the data that was read last, from 0."""
    loss: float
    """Mean of the round, in nats."""
    validation: dict[str, float]
    """Mean of each metric."""


class Trainer:
    """A model in training.

    Args:
        model: where it begins; on its device already.
        batches: what it learns from.
        schedule: for how long.
    """

    def __init__(self, model: SASRec, batches: TrainingBatches, schedule: Schedule) -> None:
        self.model, self.batches, self.schedule = model, batches, schedule
        self._device = model.item.weight.device
        self._optimizer = torch.optim.AdamW(_parameter_groups(model, schedule.weight_decay), fused=True)
        self.rounds: list[Round] = []
        self.best_weights = _copied(model)
        self.seconds = 0.0
        """Spent on steps, without evaluation."""

    @property
    def step(self) -> int:
        """Steps so far."""
        return self.rounds[-1].step if self.rounds else 0

    @property
    def best(self) -> Round:
        """The round with the best validation accuracy, the earliest of equals."""
        return max(self.rounds, key=lambda each: each.validation[SELECT_BY])

    @property
    def is_over(self) -> bool:
        """Whether another round would be too many."""
        if not self.rounds:
            return False
        since = len(self.rounds) - 1 - self.rounds.index(self.best)
        return self.step >= self.schedule.steps or since >= self.schedule.patience

    def train(
        self, validate: Callable[[], dict[str, float]], tell: Callable[[int, float], None]
    ) -> Iterator[Round]:  # fmt: skip
        """Yield a round after another until training is over; afterwards the model has its best weights.

        Args:
            validate: measures the model on validation pairs.
            tell: told every few steps how many there have been and what the loss is.

        Raises:
            UsageError: the loss is not a number any more.
        """
        while not self.is_over:
            steps = min(self.schedule.round_steps, self.schedule.steps - self.step)
            loss = self._train_steps(steps, tell)
            step, epoch = self.step + steps, self.batches.epoch
            self.rounds.append(Round(step, epoch, loss, validate()))
            if self.best is self.rounds[-1]:
                self.best_weights = _copied(self.model)
            yield self.rounds[-1]
        self.model.load_state_dict(self.best_weights)

    def _train_steps(self, steps: int, tell: Callable[[int, float], None]) -> float:
        started, begin, total = time.perf_counter(), self.step, 0.0
        self.model.train()
        losses: list[torch.Tensor] = []
        for step in range(begin, begin + steps):
            losses.append(self._train_step(step))
            if len(losses) == _LOOKED_AT or step == begin + steps - 1:
                seen = torch.stack(losses).tolist()
                _check(seen, step + 1 - len(seen), self.schedule)
                total += math.fsum(seen)
                losses = []
                tell(step + 1, sum(seen) / len(seen))
        self.seconds += time.perf_counter() - started
        return total / steps

    def _train_step(self, step: int) -> torch.Tensor:
        batch = {name: tensor.to(self._device, non_blocking=True) for name, tensor in self.batches.take().items()}
        for group in self._optimizer.param_groups:
            group["lr"] = self.schedule.rate_at(step)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.schedule.bf16):
            loss = self.model.loss(batch["input_items"], batch["input_length"], batch["target_item"])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        self._optimizer.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later rounds depend on: tensors, numbers and texts alone."""
        return {
            "model": self.model.state_dict(), "best": self.best_weights, "optimizer": self._optimizer.state_dict(),
            "random": _random_state(self._device), "batches": self.batches.state_dict(),
            "rounds": [vars(each) for each in self.rounds],
            "seconds": self.seconds, "waited": self.batches.waited,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best"]
        self.batches.load_state_dict(state["batches"])
        self.rounds = [Round(**each) for each in state["rounds"]]
        self.seconds, self.batches.waited = state["seconds"], state["waited"]
        torch.set_rng_state(state["random"]["cpu"])
        if "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self._device)


def _parameter_groups(model: SASRec, weight_decay: float) -> list[dict[str, Any]]:
    decaying = {module.weight for module in model.modules() if isinstance(module, torch.nn.Linear)}
    matrices = [parameter for parameter in model.parameters() if parameter in decaying]
    others = [parameter for parameter in model.parameters() if parameter not in decaying]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _copied(model: SASRec) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state if device.type != "cuda" else state | {"cuda": torch.cuda.get_rng_state(device)}


def _check(losses: list[float], before: int, schedule: Schedule) -> None:
    for number, loss in enumerate(losses, before + 1):
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss is {loss} in step {number}: training has diverged at a learning rate of "
                f"{schedule.rate_at(number - 1):g}",
                tip=f"Try a lower one: --lr {schedule.learning_rate / 10:g}"
                + ("; or --precision fp32." if schedule.bf16 else "."),
            )
