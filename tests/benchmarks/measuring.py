"""Steps that are processes of their own and time themselves after their imports; what the benchmarks share."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time


def measured(script: str, *step: str) -> dict[str, float]:
    """Run one step of a benchmark in a process of its own; return what it printed."""
    os.sync()  # else what the step before left to be written is written at the cost of this one
    run = subprocess.run([sys.executable, script, "--step", *step], check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(run.stdout)
    return result


def print_measures(seconds: float, **more: float) -> None:
    """Print what a step took, from within it: seconds, seconds of all its threads, most memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": time.process_time(), "peak_mb": peak, **more}))
