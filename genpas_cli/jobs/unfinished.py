"""Jobs that take so long that they must be able to go on: what they have done stays beside their output until then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from genpas_cli.errors import IntegrityError, UsageError
from genpas_cli.machine import MachineOptions, disk_error, machine_options
from genpas_cli.options import as_json
from genpas_cli.publish import unfinished

_SETTINGS = "settings.json"

_OF_OTHERS = {
    "vocabulary": "another vocabulary: its item numbers mean other items", "pairs": "other pairs", "log": "another log"
}  # fmt: skip
"""Settings that are digests, and what is said where they differ."""


def workplace(path: Path, settings: dict[str, Any], *, resume: bool, force: bool) -> Path:
    """Return the directory in which a job keeps what it has done of `path`; it stays if the job is stopped.

    Args:
        path: the output.
        settings: everything that decides what comes out: `options`, by name; `torch`, its version; digests of the
            input. A job goes on only with the same.
        resume: go on with what there is.
        force: forget what there is.

    Raises:
        UsageError: there is something and nothing was said about it, or it was made with other options.
        IntegrityError: it was made of another input.
        MachineError: it cannot be written there.
    """
    work = unfinished(path)
    try:
        if force and not resume:
            shutil.rmtree(work, ignore_errors=True)
        if not work.is_dir():
            work.mkdir()
            (work / _SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            return work
    except OSError as error:
        raise disk_error(error, path) from error
    if not resume:
        raise UsageError(
            f"a run that would have made {path} was stopped before its end",
            tip="Go on with --resume, or begin again with --force.",
        )
    _check_same(work, settings)
    return work


def lasting_options(options: MachineOptions) -> dict[str, Any]:
    """Return the options that decide what comes out: those of the machine do not."""
    machine = machine_options(options)
    return {name: value for name, value in as_json(options).items() if name not in machine}


def finished(work: Path) -> None:
    """Forget what a job was that is about to be published."""
    (work / _SETTINGS).unlink()


def _check_same(work: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads((work / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{work} is damaged: {error}", tip="Begin again with --force.") from error
    for key, meaning in _OF_OTHERS.items():
        if before.get(key) != settings.get(key):
            raise IntegrityError(f"what the stopped run has done is of {meaning}", tip="Begin again with --force.")
    if before["torch"] != settings["torch"]:
        raise UsageError(
            f"the stopped run used PyTorch {before['torch']}; this is {settings['torch']}",
            tip="Begin again with --force.",
        )
    for name, value in settings["options"].items():
        had = before["options"].get(name)
        if had != value:
            raise UsageError(
                f"--{name.replace('_', '-')} is {_shown(value)}; the stopped run had {_shown(had)}",
                tip="Only with the same options it can go on; --force begins again.",
            )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
