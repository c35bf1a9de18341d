"""Checks for optional libraries before any work, with the command that installs them."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

from genpas_cli.runtime.errors import MachineError

EXTRAS = {
    "train": (("torch",), "PyTorch"),
    "report": (("altair", "vl_convert"), "Altair and vl-convert-python"),
    "spark": (("pyspark", "pandas"), "pyspark"),
    "grid": (("google_crc32c",), "google-crc32c"),
    "delta": (("deltalake",), "deltalake"),
    "iceberg": (("pyiceberg",), "pyiceberg"),
}
"""Extra in pyproject.toml → its modules, and their name in messages."""


def has_extra(extra: str) -> bool:
    """Tell whether an extra is installed, without importing its modules."""
    return all(find_spec(module) is not None for module in EXTRAS[extra][0])


def check_extra(what: str, extra: str) -> None:
    """Check that an extra is installed, without importing its modules.

    Args:
        what: the command or option that needs it, for the message.
        extra: name of the extra in pyproject.toml.

    Raises:
        MachineError: one of its modules is missing.
    """
    if not has_extra(extra):
        names = EXTRAS[extra][1]
        more = "" if extra != "spark" or has_java() else ". Spark also needs Java 17 or newer."
        raise MachineError(
            f"{what} needs {names}, which {'are' if ' and ' in names else 'is'} not installed",
            tip=f"To install: pip install 'genpas[{extra}]'{more}",
        )


def has_java() -> bool:
    """Tell whether Java may be there: JAVA_HOME is set, or `java` is in PATH."""
    return "JAVA_HOME" in os.environ or shutil.which("java") is not None
