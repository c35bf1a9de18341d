"""Time how long RecBole 1.2.1 takes to turn a log into input–target pairs: the yardstick of `augment`.

    /path/to/recbole/bin/python tests/benchmarks/recbole_peer.py                  # a made-up log of 1M interactions
    /path/to/recbole/bin/python tests/benchmarks/recbole_peer.py --inter some/log.inter

RecBole's dependencies are years old, so it runs in an environment of its own, and this script imports nothing of
genpas. One that works, with Python 3.10:

    pip install torch==2.13.0 'numpy<1.24' 'pandas<2' 'scipy<1.12' scikit-learn \
        colorlog colorama pyyaml tqdm texttable tabulate psutil plotly tensorboard thop
    pip install --no-deps recbole==1.2.1

Only `SequentialDataset.data_augmentation` is timed: reading the file and numbering the ids are done by then. Where
RecBole cannot be imported, a plain-Python loop of the same work is timed; `implementation` in the JSON on stdout says
which of the two it was, `seconds` what it took, `pairs` and `pairs_per_second` what came out.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import logging
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

HEADER = "user_id:token\titem_id:token\ttimestamp:float"
MEAN_LENGTH = 144
"""Interactions of a user in the made-up log, as in ML-20M."""

MADE_UP_ITEMS = 26_744


def make_inter(path: Path, interactions: int) -> None:
    """Write a made-up log: long-tailed users, Zipf items, seeded; times ascend by row."""
    rng = np.random.default_rng(np.random.SeedSequence(0))
    activity = np.cumsum(rng.lognormal(0.0, 1.0, max(1, interactions // MEAN_LENGTH)))
    popularity = np.cumsum(1.0 / np.arange(1, MADE_UP_ITEMS + 1))
    users = np.searchsorted(activity, activity[-1] * rng.random(interactions))
    items = np.searchsorted(popularity, popularity[-1] * rng.random(interactions))
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        rows = zip(users.tolist(), items.tolist(), strict=True)
        file.writelines(f"u{user}\ti{item}\t{moment}\n" for moment, (user, item) in enumerate(rows))


def time_recbole(inter: Path, longest: int, scratch: Path) -> tuple[float, int]:
    """Time RecBole's own method on a `.inter` file and count the pairs.

    Raises:
        ImportError: where RecBole, or something it needs, cannot be imported.
    """
    config_module: Any = importlib.import_module("recbole.config")
    dataset_module: Any = importlib.import_module("recbole.data.dataset")
    folder = scratch / "peer"
    folder.mkdir()
    (folder / "peer.inter").symlink_to(inter.resolve())
    settings = {
        "data_path": str(scratch),
        "checkpoint_dir": str(scratch),
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "TIME_FIELD": "timestamp",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": longest,
        "train_neg_sample_args": None,
        "use_gpu": False,
    }
    config = config_module.Config(model="SASRec", dataset="peer", config_dict=settings)
    dataset = dataset_module.SequentialDataset(config)
    # What SequentialDataset does before it augments, so that nothing but the augmentation is on the clock.
    dataset_module.Dataset._change_feat_format(dataset)
    started = time.perf_counter()
    dataset.data_augmentation()
    return time.perf_counter() - started, len(dataset.inter_feat)


def read_inter(inter: Path) -> tuple[Ints, Ints, Ints]:
    """Read dense users and items, and times, of a `.inter` file with these three columns first."""
    with inter.open(encoding="utf-8") as file:
        next(file)
        rows = [line.rstrip("\n").split("\t") for line in file]
    users = np.unique([row[0] for row in rows], return_inverse=True)[1]
    items = np.unique([row[1] for row in rows], return_inverse=True)[1] + 1
    return users.astype(np.int64), items.astype(np.int64), np.array([float(row[2]) for row in rows]).astype(np.int64)


def time_loop(columns: tuple[Ints, Ints, Ints], longest: int) -> tuple[float, int]:
    """Time the same work as a plain-Python loop: sort, one window a target, one row copied for each window."""
    started = time.perf_counter()
    users, items, times = columns
    order = np.lexsort((times, users))
    users, items, times = users[order], items[order], times[order]
    windows: list[slice] = []
    first, current = 0, None
    for row, user in enumerate(users):
        if user != current:
            first, current = row, user
            continue
        first = max(first, row - longest)
        windows.append(slice(first, row))
    padded = []
    for column in (items, times):
        table = np.zeros((len(windows), longest), dtype=column.dtype)
        for pair, window in enumerate(windows):
            table[pair][: window.stop - window.start] = column[window]
        padded.append(table)
    return time.perf_counter() - started, len(padded[0])


def measure(inter: Path, longest: int, scratch: Path) -> dict[str, object]:
    """Time RecBole where it can be imported, else the loop, and return what to print."""
    try:
        # RecBole prints and warns on import; stdout is for the JSON.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, pairs = time_recbole(inter, longest, scratch)
        implementation = f"recbole {importlib.metadata.version('recbole')}"
    except ImportError as error:
        logging.getLogger(__name__).warning("RecBole cannot be imported (%s): timing a plain-Python loop", error)
        seconds, pairs = time_loop(read_inter(inter), longest)
        implementation = "pure-python loop"
    return {
        "implementation": implementation,
        "max_input": longest,
        "seconds": round(seconds, 3),
        "pairs": pairs,
        "pairs_per_second": round(pairs / seconds),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time RecBole's data augmentation.")
    parser.add_argument(
        "--inter", type=Path, help="user_id, item_id and timestamp, tab-separated, with RecBole's header"
    )
    parser.add_argument("--interactions", type=int, default=1_000_000, help="size of the made-up log")
    parser.add_argument("--max-input", type=int, default=50)
    arguments = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole reads the command line itself and takes every option for its own
    with tempfile.TemporaryDirectory() as name:
        inter = arguments.inter
        if inter is None:
            inter = Path(name) / "made_up.inter"
            make_inter(inter, arguments.interactions)
        print(json.dumps(measure(inter, arguments.max_input, Path(name))))


if __name__ == "__main__":
    main()
