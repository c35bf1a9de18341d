"""What every export has in common: its report, and the interface of a running one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypedDict

from genpas_cli.runtime.atomic_output import Foreign
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.results.reports import Report


class TokenKeys(TypedDict):
    """The token vocabulary of semantic ids, see `Tokens`."""

    sizes: list[int]
    """Number of codes of each level."""
    offsets: list[int]
    """Token of each level's code 0."""
    separator: int | None
    """Token between two items."""
    end: int | None
    """Token at the end of an input and of a target."""
    user: int | None
    """First of the tokens of users, which come last."""
    size: int
    """Size of the vocabulary, padding included."""


@dataclass(frozen=True, repr=False)
class ExportReport(Report):
    """What `export` wrote; `genpas export --json` prints this."""

    output: str
    """File or directory; `-` for a stream."""
    format: str
    pairs: dict[str, int]
    """Split → number of pairs written; empty for a format of stores."""
    dropped: int
    """Pairs left out because the target or all input items have no semantic id (`--missing-codes drop`)."""
    tokens: TokenKeys | None
    """The vocabulary of semantic ids: `sizes` and `offsets` by level, `separator`, `end`, `user`, `size`; else None."""
    seconds: float
    notes: list[str] = field(default_factory=list)
    """Notes for users of the output."""
    interactions: dict[str, int] | None = None
    """Part of the split → number of interactions written; None for other formats than `splits`."""
    sequences: dict[str, int] | None = None
    """File → number of sequences written; None for other formats than those of whole sequences."""


class Run(Protocol):
    """A running export whose source is open and whose options are checked."""

    def check_name(self, output: Path) -> None:
        """Raise UsageError if the output is one file, and its name promises another format."""
        ...

    @property
    def foreign(self) -> Foreign:
        """What recognizes an existing output, see `atomic_output.Foreign`."""
        ...

    def write(self, new: Path, progress: Progress) -> None:
        """Write the output at a path that does not exist."""
        ...

    def report(self, output: str, seconds: float) -> ExportReport:
        """Return the report, after `write`."""
        ...
