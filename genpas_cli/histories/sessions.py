"""Splits histories into sessions at pauses longer than a gap."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from genpas_cli.histories.history import History
from genpas_cli.runtime.errors import UsageError

_SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_duration(text: str, option: str, *, examples: tuple[str, ...] = ()) -> float:
    """Parse a duration such as `30m`, `1.5h` or `45s` into seconds.

    Args:
        text: what the user wrote.
        option: the option, for the message.
        examples: durations that the message shows.

    Raises:
        UsageError: `text` is not a positive duration.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*", text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise UsageError(
            f"{option} {text!r} is not a duration, which is a number above 0 followed by a unit (ms, s, m, h, d or w)",
            tip=f"Examples: {', '.join(f'{option} {each}' for each in examples)}",
        )
    return seconds


def parse_gap(text: str) -> float:
    """Return the seconds of a `--session-gap`; raise UsageError if it is not a positive duration."""
    return parse_duration(text, "--session-gap", examples=("30m", "1h", "2d"))


def session_numbers(history: History, gap: float) -> NDArray[np.int64]:
    """Return each row's session number within its user, int64 from 1; `gap` is in the unit of the time column."""
    assert history.time is not None
    first = np.diff(history.user, prepend=-1) != 0
    opens = first.copy()
    opens[1:] |= np.diff(history.time) > gap
    running = np.cumsum(opens)
    starts = history.starts
    lengths = np.diff(np.append(starts, len(history)))
    numbers: NDArray[np.int64] = running - np.repeat(running[starts] - 1, lengths)
    return numbers
