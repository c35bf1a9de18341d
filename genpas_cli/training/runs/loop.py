"""Training: AdamW steps until validation accuracy stops improving; it can be resumed after any round.

A *round* is a number of steps and an evaluation. Between rounds, `state_dict` holds everything that the next round
depends on: weights, optimizer, random state and the position in the data. On a CPU, a run that is resumed from its last
round therefore ends with exactly the weights of an uninterrupted run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from genpas_cli.runtime.errors import UsageError
from genpas_cli.training.comparison import ACCURACY
from genpas_cli.training.models.interface import NextItemModel
from genpas_cli.training.runs.data import TrainingBatches

_LOOKED_AT = 20
"""Steps after which losses are read: each read makes a GPU wait."""


@dataclass(frozen=True)
class Schedule:
    """The length and learning rate of a run."""

    steps: int
    """Maximum number of steps."""
    round_steps: int
    """Steps per round."""
    patience: int
    """Number of rounds without improvement after which training stops."""
    learning_rate: float
    """Learning rate after the warm-up."""
    weight_decay: float
    """Weight decay of linear layers' matrices; embeddings, norms and biases have none."""
    bf16: bool
    """Whether matrices are multiplied in bfloat16."""

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, from 0: a linear warm-up, then constant."""
        return self.learning_rate * min(1.0, (step + 1) / _WARM_UP)


_WARM_UP = 200
"""Steps of the warm-up."""


@dataclass(frozen=True)
class Round:
    """The result of a round."""

    step: int
    """Total number of steps after the round."""
    epoch: int
    """Last epoch of the data that was read, from 0."""
    loss: float
    """Mean training loss of the round, in nats."""
    validation: dict[str, float]
    """Mean of each metric over the validation pairs."""


class Trainer:
    """Trains a model.

    Args:
        model: the initial model, already on its device.
        batches: the training batches.
        schedule: the schedule.
    """

    def __init__(self, model: NextItemModel, batches: TrainingBatches, schedule: Schedule) -> None:
        self.model, self.batches, self.schedule = model, batches, schedule
        self._device = model.device
        self._optimizer = torch.optim.AdamW(_parameter_groups(model, schedule.weight_decay), fused=True)
        self.rounds: list[Round] = []
        self.best_weights = _copied(model)
        self.seconds = 0.0
        """Time spent on steps, without evaluation."""

    @property
    def step(self) -> int:
        """Number of steps in all finished rounds."""
        return self.rounds[-1].step if self.rounds else 0

    @property
    def best(self) -> Round:
        """The round with the best validation accuracy; of equal rounds the earliest."""
        return max(self.rounds, key=lambda each: each.validation[ACCURACY])

    @property
    def is_over(self) -> bool:
        """Whether the maximum number of steps or the patience is reached."""
        if not self.rounds:
            return False
        since = len(self.rounds) - 1 - self.rounds.index(self.best)
        return self.step >= self.schedule.steps or since >= self.schedule.patience

    def train(
        self, validate: Callable[[], dict[str, float]], tell: Callable[[int, float], None]
    ) -> Iterator[Round]:  # fmt: skip
        """Yield each round until training is over; the model then has the weights of the best round.

        Args:
            validate: returns the model's metrics on the validation pairs.
            tell: called every few steps with the number of steps and the mean loss.

        Raises:
            UsageError: the loss is not finite.
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
            loss = self.model.loss(batch)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        self._optimizer.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later rounds depend on, as tensors, numbers and texts."""
        return {
            "model": self.model.state_dict(), "best": self.best_weights, "optimizer": self._optimizer.state_dict(),
            "random": _random_state(self._device), "batches": self.batches.state_dict(),
            "rounds": [vars(each) for each in self.rounds],
            "seconds": self.seconds, "waited": self.batches.waited,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best"]
        self.batches.load_state_dict(state["batches"])
        self.rounds = [Round(**each) for each in state["rounds"]]
        self.seconds, self.batches.waited = state["seconds"], state["waited"]
        torch.set_rng_state(state["random"]["cpu"])
        if "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self._device)


def _parameter_groups(model: NextItemModel, weight_decay: float) -> list[dict[str, Any]]:
    decaying = {module.weight for module in model.modules() if isinstance(module, torch.nn.Linear)}
    matrices = [parameter for parameter in model.parameters() if parameter in decaying]
    others = [parameter for parameter in model.parameters() if parameter not in decaying]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _copied(model: NextItemModel) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state if device.type != "cuda" else state | {"cuda": torch.cuda.get_rng_state(device)}


def _check(losses: list[float], before: int, schedule: Schedule) -> None:
    for number, loss in enumerate(losses, before + 1):
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss is {loss} at step {number}: training has diverged at a learning rate of "
                f"{schedule.rate_at(number - 1):g}",
                tip=f"Try a lower learning rate: --lr {schedule.learning_rate / 10:g}"
                + ("; or --precision fp32." if schedule.bf16 else "."),
            )
