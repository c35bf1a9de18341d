"""JSON objects that carry a digest of their own content, so that whoever reads one notices that it was changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SEAL = "sha256"
"""The key of the digest."""

_RUN = "run"
"""The key of what is told of the run: it is no part of what was made, and two runs that make the same differ in it."""


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the object with the digest of all but its `run`, which takes the place of a digest that it has."""
    return {**{key: value for key, value in content.items() if key != SEAL}, SEAL: _seal(content)}


def is_intact(content: dict[str, Any]) -> bool:
    """Tell whether an object is as it was when it was sealed; True for one that never was."""
    return SEAL not in content or _seal(content) == content[SEAL]


def _seal(content: dict[str, Any]) -> str:
    return content_digest({key: value for key, value in content.items() if key not in (SEAL, _RUN)})


def content_digest(content: Any) -> str:
    """Return the SHA-256 of anything that JSON can hold, whatever the order of its keys."""
    # Through JSON once before: what was a tuple or a number as a key is a list or a text when it is read again.
    as_read = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()
