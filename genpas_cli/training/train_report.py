"""The report of `train`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genpas_cli.runtime.results.reports import ShownTable, TableReport

_METRICS = ("ndcg@5", "ndcg@10", "ndcg@20", "recall@5", "recall@10", "recall@20", "mrr")


@dataclass(frozen=True, repr=False)
class TrainReport(TableReport):
    """The report of `train`; `genpas train --json` prints its `metrics`."""

    output: str
    """The model directory."""
    metrics: dict[str, Any]
    """The content of `metrics.json`, see docs/reference/formats.md."""
    resumed: int
    """Number of steps that a previous, stopped run had taken."""

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics: what `--json` prints."""
        return self.metrics

    def shown(self) -> list[ShownTable]:
        """Return the accuracy on the validation and test pairs."""
        rows = []
        for name in _METRICS:
            test = self.metrics["test"][name]
            label = name.replace("ndcg", "NDCG").replace("recall", "Recall").replace("mrr", "MRR")
            interval = f"{test['low']:.4f} to {test['high']:.4f}"
            rows.append([label, f"{self.metrics['validation'][name]['value']:.4f}", f"{test['value']:.4f}", interval])
        return [ShownTable(["", "validation", "test", "test, 95% interval"], rows)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return the learning curve, as in `learning_curve.csv`: one row per evaluation on the validation pairs."""
        return history(self.metrics["training"]["rounds"])


def history(rounds: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return column → values of the learning curve: `step`, `epoch`, `loss`, and each validation metric."""
    rows = [{"step": r["step"], "epoch": r["epoch"], "loss": r["loss"], **r["validation"]} for r in rounds]
    return {name: [row[name] for row in rows] for name in rows[0]}
