"""The one place where errors become exit codes and words on stderr."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from genpas_cli.cli import console
from genpas_cli.cli.leaving import give_up_stdout
from genpas_cli.errors import (
    CheckFailedError,
    DataError,
    GenpasError,
    IntegrityError,
    MachineError,
    UsageError,
)  # fmt: skip


class ExitCode(enum.IntEnum):
    """What a shell sees."""

    OK = 0
    DATA = 1
    USAGE = 2
    MACHINE = 3
    INTEGRITY = 4
    CHECK = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done; also when the reader of a pipe went away",
    ExitCode.DATA: "input or data cannot be used: missing, malformed, empty, no usable sequence, another store version",
    ExitCode.USAGE: "wrong usage: options, values, output exists",
    ExitCode.MACHINE: "the machine lacks something: an extra, disk space, memory, write permission",
    ExitCode.INTEGRITY: "integrity: digests, counts or positions do not agree",
    ExitCode.CHECK: "a --check gate failed",
    ExitCode.INTERRUPTED: "interrupted (143 by SIGTERM, 129 by SIGHUP)",
}

_BY_ERROR = {
    DataError: ExitCode.DATA,
    UsageError: ExitCode.USAGE,
    MachineError: ExitCode.MACHINE,
    IntegrityError: ExitCode.INTEGRITY,
    CheckFailedError: ExitCode.CHECK,
}

HELP = "Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in MEANINGS.items()) + "."


def exit_code(error: GenpasError) -> ExitCode:
    """Return the code of an error."""
    return next(code for kind, code in _BY_ERROR.items() if issubclass(type(error), kind))


@contextmanager
def handled() -> Iterator[None]:
    """Turn every error of a command into one message on stderr and its exit code; Ctrl-C is for `outermost`."""
    try:
        yield
        sys.stdout.flush()
    except GenpasError as error:
        console.error(error.message, error.tip)
        raise typer.Exit(exit_code(error)) from error
    except BrokenPipeError as error:
        give_up_stdout()
        raise typer.Exit(ExitCode.OK) from error
    except Exception as error:
        lacking = _machine_lacks(error)
        if lacking is None:
            raise
        give_up_stdout()  # it may be what has no space left
        console.error(*lacking)
        raise typer.Exit(ExitCode.MACHINE) from error


def _machine_lacks(error: Exception) -> tuple[str, str] | None:
    """Return what to say of an error by which Python or DuckDB report that memory or disk ran out."""
    text = str(error)
    if "No space left" in text or "max_temp_directory_size" in text:
        return "no space left on the disk", "Free some space, or choose other disks with -o and --temp-dir."
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return "not enough memory: " + (text.splitlines() or ["out of memory"])[
            0
        ], "Raise --memory-limit, or use fewer --threads."
    return None
