"""PySpark's functions of columns as `F`, imported when first used: PySpark is an extra, and takes long to load."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import functions as F  # noqa: N812  # PySpark's convention
else:

    class _Functions:
        def __getattr__(self, name: str) -> Any:
            return getattr(import_module("pyspark.sql.functions"), name)

    F = _Functions()

__all__ = ["F"]
