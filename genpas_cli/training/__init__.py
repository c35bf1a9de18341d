"""The reference model: a small SASRec, its training on the pairs of a directory, its evaluation by full ranking.

PyTorch is an extra (`pip install 'genpas[train]'`); `check_train_extra` says so where it is missing.
"""

from __future__ import annotations

from importlib.util import find_spec

from genpas_cli.runtime.errors import MachineError


def check_train_extra(what: str) -> None:
    """Raise MachineError if PyTorch is not installed.

    Args:
        what: what needs it, for the message.
    """
    if find_spec("torch") is None:
        raise MachineError(
            f"{what} needs PyTorch, which is not installed", tip="Install it: pip install 'genpas[train]'"
        )
