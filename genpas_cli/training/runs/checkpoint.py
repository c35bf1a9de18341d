"""Files of a training run: the checkpoint from which it resumes, and the trained model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import torch

from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.training.models.interface import NextItemModel
from genpas_cli.training.models.sasrec import SASRec
from genpas_cli.training.models.tiger import Tiger

_FORMAT_VERSION = 3
_MODELS: tuple[type[NextItemModel], ...] = (SASRec, Tiger)


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers and texts; an existing file is replaced when the new one is complete and on the disk.

    Raises:
        MachineError: disk space or permission is missing.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            torch.save({"format_version": _FORMAT_VERSION, "sha256": _digest(content), **content}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:  # PyTorch raises RuntimeError if the disk is full
        new.unlink(missing_ok=True)
        raise disk_error(error if isinstance(error, OSError) else OSError(str(error)), path) from error


def load(path: Path) -> dict[str, Any]:
    """Return the content that `save` wrote, without executing code from the file.

    Raises:
        IntegrityError: the file is damaged, has another format version, or was not written by `save`.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version, digest = content.pop("format_version"), content.pop("sha256", None)
    except Exception as error:  # for damaged bytes PyTorch raises exceptions of any kind
        raise IntegrityError(f"{path} is damaged, or was not written by genpas train: {error}") from error
    if version != _FORMAT_VERSION:
        raise IntegrityError(
            f"{path} has format version {version}, but this version of genpas reads format version {_FORMAT_VERSION}"
        )
    if _digest(content) != digest:
        raise IntegrityError(f"{path} is damaged: the content does not match its digest")
    return content


def _digest(content: Any) -> str:
    """Return the SHA-256 of the content of a file, because PyTorch verifies no checksum on reading."""
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


def save_model(path: Path, model: NextItemModel, vocabulary: str) -> None:
    """Write a model: its name, size and weights, and the digest of the item vocabulary that it was trained with."""
    save(path, {"model": model.name, "size": model.size(), "weights": model.state_dict(), "vocabulary": vocabulary})


def load_model(path: str | Path) -> NextItemModel:
    """Return the model that `genpas train` wrote as `model.pt`, in evaluation mode: a `SASRec` or a `Tiger`.

    Raises:
        IntegrityError: the file is damaged, or was not written by genpas.
    """
    content = load(Path(path))
    try:
        kind = next(kind for kind in _MODELS if kind.name == content["model"])
        return kind.restored(content["size"], content["weights"]).eval()
    except Exception as error:  # foreign content may fail in any way here
        raise IntegrityError(f"{path} does not contain a model of this version of genpas: {error!r}") from error
