"""Results as Arrow tables and as data frames of pandas and Polars; a library is imported when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from genpas_cli.runtime.errors import MachineError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class Frames(ABC):
    """Base of results that have rows: everything follows from `to_arrow`."""

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a DataFrame of pandas.

        Raises:
            MachineError: pandas is not installed.
        """
        _check_installed("pandas", "to_pandas()")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a DataFrame of Polars.

        Raises:
            MachineError: Polars is not installed.
        """
        _check_installed("polars", "to_polars()")
        import polars as pl

        return pl.DataFrame(self.to_arrow())

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return the rows as a DataFrame.

        Args:
            library: `pandas` or `polars`.

        Raises:
            UsageError: there is no such library.
            MachineError: the library is not installed.
        """
        if library == "pandas":
            return self.to_pandas()
        if library == "polars":
            return self.to_polars()
        raise UsageError(f"library is {library!r}; it must be 'pandas' or 'polars'", tip="For Arrow: .to_arrow()")

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows by the Arrow PyCapsule interface, so that other libraries can read this object."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)


def _check_installed(package: str, what: str) -> None:
    if find_spec(package) is None:
        raise MachineError(
            f"{what} needs {package}, which is not installed",
            tip=f"To install: pip install {package}. Without it, .to_arrow() returns an Arrow table.",
        )


def arrow_table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Return an Arrow table.

    Args:
        columns: column → values, of equal length. A column of None alone is float64; a column whose values Arrow cannot
            give one type is text.
    """
    import pyarrow as pa

    return pa.table({name: _array(pa, values) for name, values in columns.items()})


def _array(pa: Any, values: Sequence[Any]) -> Any:
    if all(value is None for value in values):
        return pa.nulls(len(values), pa.float64())
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def as_number(value: float | str | None) -> float | None:
    """Return a bias of a report as a number: JSON writes infinities as "inf" and "-inf"."""
    return None if value is None else float(value)
