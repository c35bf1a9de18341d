"""What can go wrong, as a tree; `cli/exit_codes.py` gives each branch its exit code.

    GenpasError
    ├── DataError        the input or data cannot be used (1)
    ├── UsageError       options or values are wrong, or the output exists (2)
    ├── MachineError     the machine lacks something: an extra, disk, memory, permission (3)
    ├── IntegrityError   digests, counts or positions do not agree (4)
    └── CheckFailedError a `--check` gate failed (5)

A message says what is wrong, where, and what was there instead; `tip` is what to do about it, best of all a
command that would work.
"""

from __future__ import annotations


class GenpasError(Exception):
    """Base of every error that genpas raises on purpose.

    Args:
        message: what is wrong, where, and what was there instead.
        tip: what the user can do about it.
    """

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.tip = tip

    def __str__(self) -> str:
        return self.message if self.tip is None else f"{self.message}\n{self.tip}"


class DataError(GenpasError):
    """The input or data cannot be used: missing, malformed, empty, of another version."""


class UsageError(GenpasError):
    """The call is wrong: options, values, or an output that already exists."""


class MachineError(GenpasError):
    """The machine lacks something: an extra package, disk space, memory, permission."""


class IntegrityError(GenpasError):
    """Digests, counts or positions do not agree with what was promised."""


class CheckFailedError(GenpasError):
    """A `--check` gate failed."""
