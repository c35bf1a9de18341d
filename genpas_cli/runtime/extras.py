"""Libraries that only some commands need: what to install where one is missing, said before any work."""

from __future__ import annotations

from importlib.util import find_spec

from genpas_cli.runtime.errors import MachineError

EXTRAS = {
    "train": (("torch",), "PyTorch", ""),
    "report": (("altair", "vl_convert"), "Altair and vl-convert-python", ""),
    "spark": (("pyspark", "pandas"), "pyspark", "; and Java 17."),
    "grid": (("google_crc32c",), "google-crc32c", ""),
}
"""Of each extra of pyproject.toml: its modules, their name for people, and what else to install."""


def check_extra(what: str, extra: str) -> None:
    """Check that an extra is installed; its modules are not imported.

    Args:
        what: what needs it, for the message.
        extra: its name in pyproject.toml.

    Raises:
        MachineError: one of its modules is missing.
    """
    modules, names, more = EXTRAS[extra]
    if any(find_spec(module) is None for module in modules):
        raise MachineError(
            f"{what} needs {names}: not installed here", tip=f"Install it: pip install 'genpas[{extra}]'{more}"
        )
