"""What the page on Spark shows works."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs import page_runs
from tests.support import ROOT

pytestmark = pytest.mark.slow


def test_the_page_on_spark(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("needs Java 17")
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    page = ROOT / "docs" / "how-to" / "cut-pairs-with-spark.md"
    blocks = list(page_runs.blocks(page.read_text(encoding="utf-8")))
    ((program, following),) = (pair for pair in itertools.pairwise(blocks) if pair[0].language == "py")
    done = subprocess.run(
        [sys.executable, "-c", program.text], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == list(following.lines)
