"""Sequence text: what a line of it begins with, a user or the number of items, and users on several lines."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from genpas_cli.ingest.files.sources import SourceFile
from genpas_cli.runtime.errors import DataError

_FEWEST = 3
"""Lines that tell a rule from chance."""


def check_counts(source: SourceFile, lines: Sequence[str]) -> None:
    """Raise DataError if each line seems to begin with the number of its items, and some of these stand there twice.

    CiteULike's lists are written so: read as users, all lines of one length would be one user.
    """
    parts = [fields for line in lines if (fields := line.split())]
    counts = [fields[0] for fields in parts]
    if len(parts) < _FEWEST or len(set(counts)) == len(counts):
        return
    if all(first == str(len(fields) - 1) for first, fields in zip(counts, parts, strict=True)):
        number, _ = Counter(counts).most_common(1)[0]
        first, second = [n for n, line in enumerate(lines, 1) if line.split()[:1] == [number]][:2]
        name = shlex.quote(source.name)
        raise DataError(
            f"{source.name}: every line begins with the number of items that follow, and lines {first} and {second} "
            f"both begin with {number}: these are counts, not users",
            tip=f"If a line is a user, number the lines: awk '{{$1=NR; print}}' {name} | genpas ingest - -o STORE "
            "--format sequences; if they are users all the same: --format sequences",
        )
