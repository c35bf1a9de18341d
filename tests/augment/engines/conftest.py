"""A Spark cluster on this machine: a master, and two workers that are processes of their own."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Short jobs end before the code of Java's second compiler would be used."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the cluster in one process where a run has several: each would start a cluster."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("spark"))


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A session on a local cluster of two workers; skipped where there is no Java."""
    pyspark_sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("needs Java 17")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "3",
        "spark.executor.memory": "1g", "spark.driver.memory": "2g",
        # Else the driver keeps the plans of all jobs for a page that nobody opens, and runs out of memory.
        "spark.sql.ui.retainedExecutions": "1", "spark.ui.retainedJobs": "1", "spark.ui.retainedStages": "1",
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": JAVA_OPTIONS, "spark.executor.extraJavaOptions": JAVA_OPTIONS,
        # In another zone than UTC: what genpas takes for a time must not depend on it.
        "spark.sql.session.timeZone": "Asia/Tokyo",
    }  # fmt: skip
    builder = pyspark_sql.SparkSession.builder.master("local-cluster[2,1,1024]").appName("genpas-tests")
    for key, value in settings.items():
        builder = builder.config(key, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
