"""Fixtures of the tests about reading logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("GENPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(scope="session")
def logs_data() -> Path:
    """Directory of real logs, named by GENPAS_DATA or beside the checkout."""
    if not DATA.is_dir():
        pytest.skip(f"no real logs at {DATA}; set GENPAS_DATA")
    return DATA
