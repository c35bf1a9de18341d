"""JSON objects with a digest of their own content, by which readers detect changes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SEAL = "sha256"
"""The key of the digest."""

_RUN = "run"
"""The key of facts about the run, which differ between two runs with the same result and are not in the digest."""


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return the object with the digest of all its content except `run`, replacing an existing digest."""
    return {**{key: value for key, value in content.items() if key != SEAL}, SEAL: _seal(content)}


def is_intact(content: dict[str, Any]) -> bool:
    """Tell whether an object is unchanged since it was sealed; True for one without a digest."""
    return SEAL not in content or _seal(content) == content[SEAL]


def _seal(content: dict[str, Any]) -> str:
    return content_digest({key: value for key, value in content.items() if key not in (SEAL, _RUN)})


def content_digest(content: Any) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal, independent of the order of keys."""
    # Convert to JSON and back first, so that tuples and number keys give the digest of what a reader will see.
    as_read = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()
