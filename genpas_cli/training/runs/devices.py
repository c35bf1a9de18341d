"""The devices that a model can be trained on."""

from __future__ import annotations

import re

import torch

from genpas_cli.runtime.errors import MachineError, UsageError

_NAME = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def usable_gpu() -> str | None:
    """Return the name of the GPU that PyTorch can use; None if there is none."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "mps" if torch.backends.mps.is_available() else None


def find_device(name: str) -> torch.device:
    """Return the device that a name means.

    Args:
        name: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        UsageError: the name is none of these.
        MachineError: the machine does not have the device.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"--device is {name!r}; it must be auto, cpu, cuda, cuda:N or mps")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise MachineError(
            f"--device {name} is not available on this machine: {str(error).splitlines()[0]}",
            tip="Let genpas choose an available device: --device auto",
        ) from error
    return device
