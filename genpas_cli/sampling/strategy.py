"""What a cutting rule is: a kernel for each of the three steps, a name, and a list of its pairs where there is one.

A rule that has a name stands in a file of its own, which ends with its `NamedRule`; `rules/` lists these.
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

    Plans are sent to other processes, so the functions must be ones that can be pickled: no lambdas.
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
    """One cutting rule: a kernel for each step, and how to enumerate it where that is possible."""

    name: str
    """What `parse_strategy` reads back: a name with its parameters, or the triple as `A,B,G`."""
    sequence: SequenceKernel
    target: PositionKernel
    input: PositionKernel
    enumeration: Enumeration | None = None
    parameters: tuple[tuple[str, float], ...] = ()
    """Name and value of each parameter of a named rule."""

    @property
    def alpha(self) -> float | None:
        """Sequence bias α; None where no power is exact."""
        return self.sequence.alpha if isinstance(self.sequence, SequencePowerLaw) else None

    @property
    def beta(self) -> float | None:
        """Target bias β; None where no power is exact."""
        return self.target.exponent if isinstance(self.target, PowerLaw) else None

    @property
    def gamma(self) -> float | None:
        """Input bias γ; None where no power is exact."""
        return self.input.exponent if isinstance(self.input, PowerLaw) else None


@dataclass(frozen=True)
class Parameter:
    """A number that a named rule takes."""

    meaning: str
    low: float
    high: float
    default: float | None = None
    """None: it must be given."""
    whole: bool = False
    """Only whole numbers."""

    def read(self, text: str, name: str) -> float:
        """Return the number that a text means.

        Args:
            text: what the user wrote.
            name: what to call the parameter in messages, such as `recency:keep`.

        Raises:
            UsageError: it is no number, or out of range.
        """
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high or (self.whole and not value.is_integer()):
            kind = "a whole number" if self.whole else "a number"
            limits = f"from {show_exponent(self.low)}" + ("" if math.isinf(self.high) else f" to {self.high:g}")
            raise UsageError(f"{name} is {text!r}; it takes {kind} {limits}: {self.meaning}")
        return value


@dataclass(frozen=True)
class NamedRule:
    """A cutting rule that has a name: with its parameters it becomes a strategy."""

    name: str
    summary: str
    """What it does, in one sentence."""
    make: Callable[..., Strategy]
    """Takes the strategy's name and parameters, the latter by keyword."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def strategy(self, **given: float) -> Strategy:
        """Return the strategy with these parameters, and with defaults for the others.

        Its name has only the parameters that differ from their defaults, in one order: one setting has one name.
        """
        values = {key: given.get(key, each.default) for key, each in self.parameters.items()}
        said = [f"{key}={show_exponent(value)}" for key, value in values.items()
                if value is not None and value != self.parameters[key].default]  # fmt: skip
        return self.make(f"{self.name}:{','.join(said)}" if said else self.name, **values)
