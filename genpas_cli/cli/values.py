"""Reads the values of a command line without pydantic, which typer would import for that: it takes as long as NumPy.

All parameters of genpas are texts, paths and flags, or lists of them; the numbers and choices among the texts are read
by `genpas_cli.runtime.options.value_of`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from genpas_cli.runtime.errors import UsageError

_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def is_true(value: Any) -> bool:
    """Tell whether the value of a flag, which may be a text, is true; a text that is neither counts as false."""
    return _FLAGS.get(str(value).lower(), False)


class _Reader:
    """Stands in for typer's own reader of a parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value of a parameter, given its text or texts.

        Raises:
            UsageError: a flag has another value than true or false.
        """
        del ctx
        several = param.multiple or param.nargs == -1
        if value is None:
            return [] if several else None
        kind = param.type_descriptor.annotation
        if several:
            return [self._read(each, get_args(kind)[0], param) for each in value]
        return self._read(value, kind, param)

    @staticmethod
    def _read(value: Any, kind: Any, param: Any) -> Any:
        if kind is not bool or isinstance(value, bool):
            return Path(value) if kind is Path else value
        found = _FLAGS.get(str(value).lower())
        if found is None:
            raise UsageError(f"{max(param.opts, key=len)} is {value!r}; it must be true or false")
        return found


_READER = _Reader()


def read_plainly(parameters: list[Any]) -> None:
    """Make typer read these parameters with the reader of this module.

    This uses an attribute of typer that is not public. Where it is missing, typer's own reader is used; a test notices.
    """
    for each in parameters:
        if getattr(each, "_runtime_param", _READER) is None and _is_known(each.type_descriptor.annotation):
            each._runtime_param = _READER  # noqa: SLF001


def _is_known(kind: Any) -> bool:
    inner = get_args(kind)
    return (inner[0] if len(inner) == 1 else kind) in (str, Path, bool)
