"""Fixtures of the tests about reading logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def logs_data() -> Path:
    """Directory of real logs, named by GENPAS_DATA or beside the checkout."""
    root = Path(__file__).resolve().parents[2]
    path = Path(os.environ.get("GENPAS_DATA", root.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no real logs at {path}; set GENPAS_DATA")
    return path
