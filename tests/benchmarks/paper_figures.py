"""Prints our figures of Amazon Beauty and Toys beside those of the GenPAS paper: target KL, and A / D.

    python tests/benchmarks/paper_figures.py DATA

DATA is a directory with amazon-beauty/Beauty.txt and amazon-toys/Toys_and_Games.txt. The KL is the paper's to the last
digit it prints. Its similarity is not public: A / D is shown beside ours by the name of ours, and is another figure.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from genpas_cli import StatsOptions, ingest, stats

LOGS = {"Beauty": "amazon-beauty/Beauty.txt", "Toys": "amazon-toys/Toys_and_Games.txt"}
STRATEGIES = ("last-target", "multi-target", "2,1,0", "slide-window", "0.5,0,0", "1,0,0")

# arXiv 2509.13648, as printed there.
PAPER_KL = {"Beauty": (2.768, 0.898, 1.158), "Toys": (3.147, 1.062, 1.349)}
PAPER_RATIO = {"Beauty": (14.54, 16.42, 14.86), "Toys": (19.61, 20.11, 19.88)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    for name, file in LOGS.items():
        with tempfile.TemporaryDirectory() as place:
            ingest(data / file, Path(place) / "log.store")
            report = stats(Path(place) / "log.store", StatsOptions(strategy=STRATEGIES))
        similarity = report.strategies[0].similarity
        print(f"{name:12}  KL test  paper    KL valid.   A/D {similarity}  paper")
        paper = dict(zip(STRATEGIES, zip(PAPER_KL[name], PAPER_RATIO[name], strict=True), strict=False))
        for figures in report.strategies:
            kl, ratio = paper.get(figures.name, ("", ""))
            print(
                f"{figures.name:12} {figures.kl_test_train:8.4f} {kl:>6} {figures.kl_validation_train:12.4f}"
                f" {figures.alignment_ratio:19.2f} {ratio:>6}"
            )


if __name__ == "__main__":
    main()
