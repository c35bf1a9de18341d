"""A stream of pairs, for the tests of what reads one."""

from __future__ import annotations

from pathlib import Path

from tests.support import Genpas


def stream(genpas: Genpas, source: Path, *options: str) -> bytes:
    """Return what `augment -o -` writes."""
    running = genpas.start("augment", source, "-o", "-", *options)
    written, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    return written
