"""Files of a run: the state that it goes on from after a kill, and the model that comes out of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.training.model import ModelShape, SASRec

_FORMAT_VERSION = 2


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers and texts; a file of that name is replaced once the new one is whole and on the disk.

    Raises:
        MachineError: no space, or no permission.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            torch.save({"format_version": _FORMAT_VERSION, "sha256": _digest(content), **content}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: how PyTorch says that the disk is full
        new.unlink(missing_ok=True)
        raise disk_error(error if isinstance(error, OSError) else OSError(str(error)), path) from error


def load(path: Path) -> dict[str, Any]:
    """Return what `save` wrote. Nothing in the file is run.

    Raises:
        IntegrityError: it is damaged, or no file of ours.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version, digest = content.pop("format_version"), content.pop("sha256", None)
    except Exception as error:  # PyTorch raises whatever its reader of damaged bytes meets
        raise IntegrityError(f"{path} is damaged, or was not written by genpas train: {error}") from error
    if version != _FORMAT_VERSION:
        raise IntegrityError(f"{path} is of format version {version}; this genpas reads version {_FORMAT_VERSION}")
    if _digest(content) != digest:
        raise IntegrityError(f"{path} is damaged: its content does not agree with its own digest")
    return content


def _digest(content: Any) -> str:
    """Return the SHA-256 of everything in a file: PyTorch checks no sum of what it reads."""
    digest = hashlib.sha256()
    _feed(digest, content)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        digest.update(f"tensor {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, dict):
        digest.update(f"dict {len(value)} ".encode())
        for key, item in value.items():
            _feed(digest, key)
            _feed(digest, item)
    elif isinstance(value, list | tuple):
        digest.update(f"list {len(value)} ".encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(f"{type(value).__name__} {value!r} ".encode())


def save_model(path: Path, model: SASRec, vocabulary: str) -> None:
    """Write a model, with what is needed to make it again.

    Args:
        path: the file.
        model: the model.
        vocabulary: digest of the items that its numbers mean.
    """
    save(path, {"shape": asdict(model.shape), "weights": model.state_dict(), "vocabulary": vocabulary})


def load_model(path: str | Path) -> SASRec:
    """Return the model that `genpas train` has written as `model.pt`, ready to score inputs.

    Raises:
        IntegrityError: the file is damaged, or none of ours.
    """
    content = load(Path(path))
    try:
        model = SASRec(ModelShape(**content["shape"]))
        model.load_state_dict(content["weights"])
    except Exception as error:  # as above: shapes and weights are anybody's
        raise IntegrityError(f"{path} holds no model of this genpas: {error}") from error
    return model.eval()
