"""What a cutting rule is: a name, a kernel for each of the three steps, and an enumeration of its pairs if it has one.

Each named rule has a file of its own in `rules/`, which ends with its `NamedRule`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from genpas_cli.runtime.errors import UsageError
from genpas_cli.sampling.kernels import Ints, PositionKernel, SequenceKernel
from genpas_cli.sampling.power_law import PowerLaw, show_exponent
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw


@dataclass(frozen=True)
class Enumeration:
    """Every pair of a rule exactly once, in the order of users, then targets, then starts.

    Plans are sent to other processes, so the functions must be picklable: no lambdas.
    """

    count: Callable[[Ints], Ints]
    """Pairs of a sequence by its number of possible targets m; 0 at m = 0."""
    unrank: Callable[[Ints, Ints], tuple[Ints, Ints]]
    """(rank from 0, m) → (number i of the target from 1, which of that target's pairs from 0)."""
    start: Callable[[Ints, Ints], Ints]
    """(which of the target's pairs from 0, target position k) → input start j."""
    rank: Callable[[Ints, Ints, Ints], Ints]
    """(number i of the target, input start j, m) → rank: the inverse; any number for a pair that is not listed."""


@dataclass(frozen=True)
class Strategy:
    """One cutting rule: a kernel for each step, and an enumeration of its pairs if it has one."""

    name: str
    """A name with its parameters, or the triple as `A,B,G`; `parse_strategy` reads it back."""
    sequence: SequenceKernel
    target: PositionKernel
    input: PositionKernel
    enumeration: Enumeration | None = None
    parameters: tuple[tuple[str, float], ...] = ()
    """Name and value of each parameter of a named rule."""

    @property
    def alpha(self) -> float | None:
        """Sequence bias α; None if the kernel is not a power."""
        return self.sequence.alpha if isinstance(self.sequence, SequencePowerLaw) else None

    @property
    def beta(self) -> float | None:
        """Target bias β; None if the kernel is not a power."""
        return self.target.exponent if isinstance(self.target, PowerLaw) else None

    @property
    def gamma(self) -> float | None:
        """Input bias γ; None if the kernel is not a power."""
        return self.input.exponent if isinstance(self.input, PowerLaw) else None


@dataclass(frozen=True)
class Parameter:
    """A number that a named rule takes."""

    meaning: str
    low: float
    high: float
    default: float | None = None
    """None: the parameter is required."""
    whole: bool = False
    """Whether it takes only whole numbers."""

    def read(self, text: str, name: str) -> float:
        """Return the number that a text means.

        Args:
            text: what the user wrote.
            name: what to call the parameter in messages, such as `recency:keep`.

        Raises:
            UsageError: it is not a number, or out of range.
        """
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high or (self.whole and not value.is_integer()):
            kind = "a whole number" if self.whole else "a number"
            limits = f"from {show_exponent(self.low)} to {self.high:{',.0f' if self.whole else 'g'}}"
            raise UsageError(f"{name} ({self.meaning}) is {text!r}; it must be {kind} {limits}")
        return value


@dataclass(frozen=True)
class NamedRule:
    """A named cutting rule: with parameters it becomes a strategy."""

    name: str
    summary: str
    """What it does, in one sentence."""
    make: Callable[..., Strategy]
    """Takes the strategy's name and parameters, the latter by keyword."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def strategy(self, **given: float) -> Strategy:
        """Return the strategy with these parameters, and defaults for the others.

        Its name lists only the parameters that differ from their defaults, in a fixed order, so that equal settings
        have equal names.
        """
        values = {key: given.get(key, each.default) for key, each in self.parameters.items()}
        said = [f"{key}={show_exponent(value)}" for key, value in values.items()
                if value is not None and value != self.parameters[key].default]  # fmt: skip
        return self.make(f"{self.name}:{','.join(said)}" if said else self.name, **values)
