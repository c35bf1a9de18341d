"""A process ends when its script does, whatever iteration the script left open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import atexit, os, sys, threading, time
from torch.utils.data import DataLoader
from genpas_cli import AugmentOptions, augment_stream, fresh_pairs
from genpas_cli.loaders import InMemoryPairDataset, PairDataset

def opened(source="log.pairs", **options):
    batches = iter(PairDataset(source, batch_size=2, window=4, **options))
    next(batches)
    return batches
"""

SCRIPTS = {
    "at module level": "batches = opened()",
    "several": "kept = [opened('log.pairs'), opened('epochs.pairs'), opened(fresh_pairs('log.store'))]",
    "a stream of augment": """
context = augment_stream("log.store", AugmentOptions(shard_rows=100))
batches = iter(context.__enter__().batches)
next(batches)
""",
    "in the frame of an error": """
def fail():
    batches = opened()
    raise ValueError("the script failed")
try:
    fail()
except ValueError as error:
    kept = error
""",
    "in another module": "import genpas_cli.loaders; genpas_cli.loaders.kept = opened()",
    "of workers": """
batches = iter(DataLoader(PairDataset("log.pairs", batch_size=2, window=4), batch_size=None, num_workers=2))
next(batches)
""",
    "of workers forked beside it": """
kept = opened()
batches = iter(DataLoader(PairDataset("log.pairs", batch_size=2, window=4), batch_size=None, num_workers=1))
next(batches)
""",
    "begun at exit": "atexit.register(lambda: list(opened()))",
    "ended at exit": "batches = opened(); atexit.register(lambda: list(batches))",
    "in a thread that outlives the main thread": """
def read():
    for _ in PairDataset("log.pairs", batch_size=100, window=100):
        time.sleep(0.15)
threading.Thread(target=read).start()
""",
    "closed in a forked process": """
batches = opened()
if os.fork() == 0:
    next(batches), batches.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
""",
}


QUICK = ("at module level", "of workers", "in a thread that outlives the main thread")
"""One of each kind; each script takes as long as PyTorch takes to load."""


@pytest.mark.parametrize(
    "script",
    [pytest.param(code, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, code in SCRIPTS.items()],
)
def test_a_script_ends_with_an_iteration_left_open(root: Path, script: str) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", f"{HEAD}\n{script}\nprint('end')"],
                          cwd=root, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "end\n")


def test_a_script_that_fails_ends_too(root: Path) -> None:
    code = f"{HEAD}\nbatches = opened()\nraise SystemExit('the script failed')"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "the script failed\n")
