"""What the tests of runs share: a log, a way to stop a run."""

from __future__ import annotations

from collections.abc import Callable

from genpas_cli.training.runs.loop import Round
from tests.support import ROOT

SAMPLE = ROOT / "sample_data" / "logs.parquet"


class Stop(BaseException):
    """Stands for a kill."""


def stopped_after(step: int) -> Callable[[Round], None]:
    """Return an observer that stops a run after this step."""

    def observe(each: Round) -> None:
        if each.step == step:
            raise Stop

    return observe
