"""Pairs as PyTorch datasets: streamed from shards, held in memory, or drawn anew for each epoch.

    from genpas_cli.loaders import PairDataset

    dataset = PairDataset("logs.pairs", batch_size=4096)
    loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=1)

PyTorch is an extra (`pip install 'genpas[train]'`); it is imported when one of these names is first accessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.library.lazy import lazily

if TYPE_CHECKING:
    from genpas_cli.loaders.in_memory import InMemoryPairDataset
    from genpas_cli.loaders.streaming import PairDataset

__all__ = ["InMemoryPairDataset", "PairDataset"]

_attribute = lazily(__name__, {"InMemoryPairDataset": "in_memory", "PairDataset": "streaming"})


def __getattr__(name: str) -> Any:
    """Import a dataset class and PyTorch; raise MachineError if PyTorch is not installed."""
    if name in __all__:
        check_extra(name, "train")
    return _attribute(name)
