"""Starts Spark sessions, and turns Spark's failures into genpas errors, without Java stack traces."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from genpas_cli.augment.engines.spark_ids import TOLD
from genpas_cli.runtime.errors import DataError, GenpasError, MachineError
from genpas_cli.runtime.extras import has_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JAVA = "Spark needs Java 17 or newer: install it, and set JAVA_HOME to its directory."
_DRIVER_ENDED = (
    r"Answer from Java side is empty|Error while sending or rec|Connection re(set|fused)|connect to the Java server|"
    r"SparkContext was shut down|stopped SparkContext"
)
_CAUSES = (
    (r"PYTHON_VERSION_MISMATCH|different version.*than that in driver", "the workers run another Python version",
     f"Set PYSPARK_PYTHON to a Python {sys.version_info[0]}.{sys.version_info[1]} that has genpas, on all workers."),
    (r"No module named '?genpas_cli", "genpas is not installed for the workers' Python",
     "Install genpas on all workers, and set PYSPARK_PYTHON to the Python that has it."),
    (r"No module named '?(\w+)", "a package is missing in the workers' Python",
     "Install 'genpas[spark]' on all workers."),
    (r"Cannot run program|PYTHON_EXEC_NOT_FOUND|Failed to start python", "the workers' Python does not start",
     "Set PYSPARK_PYTHON to a Python that has genpas, on all workers."),
    (r"UnsupportedClassVersionError|requires Java|Java \d+ or newer", "the Java version is too old", _JAVA),
    (r"No space left on device", "a worker's disk is full",
     "Free some disk space, or set spark.local.dir to another disk."),
    (r"OutOfMemoryError|Java heap space|GC overhead|MemoryError", "Spark ran out of memory",
     "Increase spark.driver.memory and spark.executor.memory."),
    (r"BindException|Address already in use|Can't assign requested address|Service '\w+' failed after",
     "no free port or address was found", "Set spark.driver.bindAddress, spark.driver.host or spark.port.maxRetries."),
    (r"ExecutorLostFailure|Python worker exited unexpectedly|SIGKILL", "a worker ended before its task was finished",
     "It may have run out of memory: increase spark.executor.memory or spark.executor.memoryOverhead."),
    (r"Could not read footer|not a Parquet file|CANNOT_READ_FILE|FAILED_READ_FILE", "a Parquet file is damaged",
     "To find the damaged file: --engine local"),
    (r"UnknownHostException|Network is unreachable", "a machine of the cluster cannot be reached",
     "Check spark.master and the names of the machines."),
    (r"JAVA_GATEWAY_EXITED|JAVA_HOME|gateway process exited|JAVA_NOT_FOUND", "Java does not start", _JAVA),
    (_DRIVER_ENDED, "the driver ended before the job was finished",
     "It may have run out of memory: increase spark.driver.memory."),
)  # fmt: skip
_NAMED = re.compile(r"genpas_cli\.runtime\.errors\.(\w+Error): (.*)")


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn exceptions that Spark raises, on the driver or after a worker's failure, into genpas errors."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except GenpasError:
        raise
    except (PySparkException, Py4JError, ConnectionError, EOFError) as error:
        raise failure(error) from error


def failure(error: BaseException) -> GenpasError:
    """Return the genpas error for a failure: a genpas worker's own message, a known cause, or the telling line."""
    text = _text_of(error)
    if TOLD in text:
        return DataError(_sentence(text.partition(TOLD)[2]), tip="Use --engine local, or cast the column to text.")
    if ours := _NAMED.search(text):
        if ours[1] == DataError.__name__:
            return DataError(_sentence(ours[2]))
        return MachineError(f"Spark failed: {_sentence(ours[2])}", tip="Check the workers' disks and permissions.")
    for pattern, cause, tip in _CAUSES:
        if re.search(pattern, text):
            return MachineError(f"Spark failed: {cause}", tip=tip)
    lines = [line.strip() for line in text.splitlines()]
    noise = ("at ", "Traceback", "An error occurred while", "File ")
    told = [line for line in lines if line and not line.startswith(noise)]
    words = next((line for line in reversed(told) if "Error: " in line), told[0] if told else type(error).__name__)
    return MachineError(f"Spark failed: {_sentence(words)}", tip="See the log of Spark for details.")


def _text_of(error: BaseException) -> str:
    """Return the text of a failure, or a substitute if Java has ended and cannot give the text."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # Py4J asks Java for the text
        return f"Answer from Java side is empty ({type(error).__name__})"


def _sentence(text: str) -> str:
    return re.sub(r"^(org|java|py4j|pyspark)\.[\w.$]+: |\s*SQLSTATE: \w+\s*$", "", text.splitlines()[0]).strip(" '\"")


def session() -> SparkSession:
    """Return the active session, or start one with the user's configuration.

    Raises:
        MachineError: Spark does not start.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession as Session

    if (active := Session.getActiveSession()) is not None:
        return active
    # Spark's default for the workers is `python3`, which may be another Python, without genpas.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not has_java():
        raise MachineError("Spark does not start: Java was not found", tip=_JAVA)
    with tempfile.TemporaryFile() as log:
        try:
            with _stderr_into(log.fileno()):
                started = Session.builder.appName("genpas").getOrCreate()
        except (PySparkException, Py4JError, OSError, EOFError, RuntimeError) as error:
            log.seek(0)
            said = f"{_text_of(error)}\n{log.read().decode(errors='replace')}"
            cause = failure(RuntimeError(said))
            raise MachineError(cause.message.replace("Spark failed", "Spark does not start"), tip=cause.tip) from error
    started.sparkContext.setLogLevel("OFF")
    return started


@contextmanager
def _stderr_into(descriptor: int) -> Iterator[None]:
    """Give child processes this file as stderr: Java keeps it, and logs its stack traces there."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    before = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
