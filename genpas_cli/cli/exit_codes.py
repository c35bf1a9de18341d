"""Turns errors of commands into exit codes and messages on stderr; signals are handled in `process_end`."""

from __future__ import annotations

import enum
import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from genpas_cli.cli import console
from genpas_cli.cli.process_end import give_up_stdout
from genpas_cli.runtime.errors import (
    CheckFailedError,
    DataError,
    GenpasError,
    IntegrityError,
    MachineError,
    UsageError,
)  # fmt: skip
from genpas_cli.runtime.signals import came


class ExitCode(enum.IntEnum):
    """The exit codes."""

    OK = 0
    DATA = 1
    USAGE = 2
    MACHINE = 3
    INTEGRITY = 4
    CHECK = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "success; also if the reader of a pipe closes it early",
    ExitCode.DATA: "unusable input or data: missing, malformed, empty, no usable sequence, unsupported store version",
    ExitCode.USAGE: "wrong usage: unknown option, invalid value, or the output already exists",
    ExitCode.MACHINE: "missing on this machine: dependency, disk space, memory or permission",
    ExitCode.INTEGRITY: "integrity error: digests, counts or positions do not match, or a part is missing",
    ExitCode.CHECK: "a rule of --check failed",
    ExitCode.INTERRUPTED: "interrupted (143 after SIGTERM, 129 after SIGHUP)",
}

_BY_ERROR = {
    DataError: ExitCode.DATA,
    UsageError: ExitCode.USAGE,
    MachineError: ExitCode.MACHINE,
    IntegrityError: ExitCode.INTEGRITY,
    CheckFailedError: ExitCode.CHECK,
}

UNEXPECTED = "unexpected error in genpas"
_FAULTS_OF_CODE = (AssertionError, AttributeError, ImportError, NameError, NotImplementedError, SyntaxError, TypeError)
"""Errors that a fault in the code causes, whatever the input is."""
_SHOWN = 200
_NO_SPACE = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "max_temp_directory_size")
_SYSTEM = tuple(map(os.strerror, (errno.EIO, errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.EROFS, errno.EACCES)))
_NO_THREAD = ("start new thread", "Could not create thread", "Resource temporarily unavailable")


def exit_code(error: GenpasError) -> ExitCode:
    """Return the exit code of an error."""
    return next(code for kind, code in _BY_ERROR.items() if issubclass(type(error), kind))


@contextmanager
def handled() -> Iterator[None]:
    """Turn every error of a command into one message on stderr and its exit code; Ctrl-C is for `outermost`.

    A user never sees a traceback. The message of an unexpected error says where it was raised.
    """
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
        if came:
            raise KeyboardInterrupt from error  # a library has turned the signal into an error of its own
        code, message, tip = _described(error)
        if code == ExitCode.MACHINE:
            give_up_stdout()  # stderr itself may have no space left
        console.error(message, tip)
        raise typer.Exit(code) from error


def _described(error: Exception) -> tuple[ExitCode, str, str | None]:
    """Return the message for an error that is not ours: of the machine, or of unexpected data."""
    kind = type(error).__name__
    first = (str(error).strip().splitlines() or [kind])[0]
    if lacking := _machine_lacks(error, kind, first):
        return ExitCode.MACHINE, *lacking
    if isinstance(error, UnicodeEncodeError):
        name = error.object if len(error.object) <= _SHOWN else f"{error.object[:_SHOWN]}..."
        return (
            ExitCode.USAGE,
            f"a name contains bytes that are not valid UTF-8: {name!r}",
            "Rename the file or directory.",
        )
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        ExitCode.DATA,
        f"{UNEXPECTED}: {kind}: {first} ({Path(where.filename).name}:{where.lineno})",
        "This is a bug in genpas. Please report it with this message and the command that you ran."
        if isinstance(error, _FAULTS_OF_CODE)
        else "The input may be damaged. If it is not, please report this message with the command that you ran.",
    )


def _machine_lacks(error: Exception, kind: str, first: str) -> tuple[str, str | None] | None:
    """Return the message for an error by which Python, DuckDB or PyArrow report what is missing on the machine."""
    text = str(error)
    if any(sign in text for sign in _NO_SPACE):
        return "no space left on the disk", (
            "Free some disk space, or choose another disk with -o (output) or --temp-dir (temporary files)."
        )
    if (tip := _memory_lacks(error, kind, text)) is not None:
        return f"not enough memory: {first}", tip
    if any(sign in text for sign in _NO_THREAD):
        tip = "Use fewer --threads, or raise the limit of processes and threads: ulimit -u."
        return f"no more threads can be started: {first}", tip
    if isinstance(error, FileNotFoundError) and not _has_directory():
        return "the current directory no longer exists", "Change to another directory: cd"
    if isinstance(error, OSError) or kind in ("IOException", "HTTPException") or any(sign in text for sign in _SYSTEM):
        return _of_system(error, first), None
    return None


def _memory_lacks(error: Exception, kind: str, text: str) -> str | None:
    """Return what to do if an error says that memory is missing; None if it says something else."""
    if isinstance(error, MemoryError) or kind == "OutOfMemoryException" or "std::bad_alloc" in text:
        return "Raise --memory-limit, or use fewer --threads."
    if kind == "OutOfMemoryError" or "DefaultCPUAllocator" in text:  # PyTorch on a GPU, and on a CPU
        return "Use a smaller model (--dim), or a smaller --batch-size."
    return None


def _of_system(error: Exception, first: str) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return first


def _has_directory() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False
