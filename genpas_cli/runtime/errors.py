"""The tree of errors, with their exit codes (`cli/exit_codes.py`).

    GenpasError
    ├── DataError        the input or data cannot be used (1)
    ├── UsageError       options or values are wrong, or the output exists (2)
    ├── MachineError     missing on this machine: an extra, disk, memory, permission (3)
    ├── IntegrityError   digests, counts or positions do not agree (4)
    └── CheckFailedError a `--check` gate failed (5)

A message says what is wrong, where, and what was found instead; `tip` says what to do, preferably as a command that
works. Secrets in URLs are removed from both, including those in messages of other libraries.
"""

from __future__ import annotations

import os
import re

_SECRETS = (
    # user:password@ of any URI. A secret key may contain slashes, so the match extends from the colon to the last @.
    (
        re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,2})(?:[^\s/@:'\"]*:[^\s@'\"]*(?:@[^\s@/'\"]*)*|[^\s/@:'\"]+)@"),
        r"\1***@",
    ),
    (
        re.compile(
            r"((?:access_?key(?:_?id)?|secret(?:_?access)?_?key|session_?token|access_?token|password|passwd|token|sig|"
            r"signature|x-amz-(?:signature|credential|security-token))=)[^&\s'\"]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)
_SECRET_NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LEAST_SECRET = 8
"""Minimum characters of a secret from the environment to be redacted: a shorter one may be an ordinary word."""


def redacted(text: str) -> str:
    """Return a text with passwords and keys in URLs, and secrets of the environment, replaced by `***`."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    for name in _SECRET_NAMES:
        secret = os.environ.get(name, "")
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
    return text


class GenpasError(Exception):
    """Base of every error that genpas raises on purpose.

    Args:
        message: what is wrong, where, and what was found instead.
        tip: what the user can do about it.
    """

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        self.message = redacted(message)
        super().__init__(self.message)
        self.tip = None if tip is None else redacted(tip)

    def __str__(self) -> str:
        return self.message if self.tip is None else f"{self.message}\n{self.tip}"


class DataError(GenpasError):
    """The input or data cannot be used: it is missing, malformed, empty or of another version."""


class UsageError(GenpasError):
    """The call is wrong: options, values, or an output that already exists."""


class MachineError(GenpasError):
    """Something is missing on this machine: an extra package, disk space, memory or permission."""


class IntegrityError(GenpasError):
    """Digests, counts or positions do not match those recorded."""


class CheckFailedError(GenpasError):
    """A `--check` gate failed."""
