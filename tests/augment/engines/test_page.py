"""What the page on Spark shows works."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs import page_runs
from tests.augment.engines.conftest import JAVA_OPTIONS
from tests.support import ROOT

pytestmark = pytest.mark.slow


def test_the_page_on_spark(tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("needs Java 17")
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    page = ROOT / "docs" / "how-to" / "cut-pairs-with-spark.md"
    blocks = list(page_runs.blocks(page.read_text(encoding="utf-8")))
    ((program, following),) = (pair for pair in itertools.pairwise(blocks) if pair[0].language == "py")
    # By default Spark has 200 partitions, most of them empty here: each needs a task and a Python process.
    settings = ("spark.sql.shuffle.partitions 2", f"spark.driver.extraJavaOptions {JAVA_OPTIONS}")
    (tmp_path / "spark-defaults.conf").write_text("\n".join(settings), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program.text], cwd=tmp_path, env={**os.environ, "SPARK_CONF_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == list(following.lines)
