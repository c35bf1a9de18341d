"""Pairs as PyTorch datasets: streamed from shards, held in memory, or drawn afresh each epoch.

    from genpas_cli.loaders import PairDataset

    dataset = PairDataset("logs.pairs", batch_size=4096)
    loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=1)

PyTorch is an extra (`pip install 'genpas[train]'`), imported with the first of these names and not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from genpas_cli.runtime.errors import MachineError

if TYPE_CHECKING:
    from genpas_cli.loaders.in_memory import InMemoryPairDataset
    from genpas_cli.loaders.streaming import PairDataset

_HOMES = {"InMemoryPairDataset": "in_memory", "PairDataset": "streaming"}

__all__ = ["InMemoryPairDataset", "PairDataset"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and PyTorch with it.

    Raises:
        MachineError: PyTorch is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        raise MachineError(
            f"{name} needs PyTorch, which is not installed", tip="Install it: pip install 'genpas[train]'"
        ) from error
