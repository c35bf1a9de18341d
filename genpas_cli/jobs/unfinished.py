"""Jobs that take so long that they must be able to go on: what they have done stays beside their output until then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genpas_cli.errors import IntegrityError, UsageError
from genpas_cli.machine import MachineOptions, disk_error, machine_options
from genpas_cli.options import as_json
from genpas_cli.publish import Replaceable, building, unfinished
from genpas_cli.signals import uninterrupted

_SETTINGS = "settings.json"

_OF_OTHERS = {
    "vocabulary": "another vocabulary: its item numbers mean other items", "pairs": "other pairs",
    "log": "another log, or of one that was read otherwise",
}  # fmt: skip
"""Settings that are digests, and what is said where they differ."""


@contextmanager
def resumable(
    path: Path, settings: dict[str, Any], *, replaceable: Replaceable, resume: bool, force: bool, unasked: bool = True
) -> Iterator[Path]:  # fmt: skip
    """Give a directory to work in, and publish it as the output `path` if the block succeeds.

    If the block fails or is killed, what it has done stays beside `path` for the next try, unless nothing has been done
    yet: what cannot work at all leaves nothing behind.

    Args:
        path: the output.
        settings: everything that decides what comes out: `options` and `versions` of libraries, by name; digests of
            the input. A job goes on only with the same.
        replaceable: tells whether an existing output is one of this job's.
        resume: go on with what there is.
        force: replace an existing output, and forget what a stopped run has done.
        unasked: what a stopped run has done is kept, and never forgotten, without a word about it. Where that would
            cost more than it is worth, only a run that may `resume` keeps it, and any other removes what there is.

    Raises:
        UsageError: the output exists; or a stopped run has left something and nothing was said about it, or it had
            other options.
        IntegrityError: it was made of another input.
        MachineError: it cannot be written there.
    """
    with building(path, force=force, replaceable=replaceable) as new:
        work = _prepared(path, settings, resume=resume, forget=(force or not unasked) and not resume)
        try:
            yield work
        except BaseException:
            if not (unasked or resume) or [file.name for file in work.iterdir()] == [_SETTINGS]:
                with uninterrupted():
                    shutil.rmtree(work, ignore_errors=True)
            raise
        (work / _SETTINGS).unlink()
        work.rename(new)


def _prepared(path: Path, settings: dict[str, Any], *, resume: bool, forget: bool) -> Path:
    work = unfinished(path)
    try:
        if forget:
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


def _check_same(work: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads((work / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{work} is damaged: {error}", tip="Begin again with --force.") from error
    if not isinstance(before, dict) or any(not isinstance(before.get(key), dict) for key in ("options", "versions")):
        raise IntegrityError(f"{work} is damaged: its settings are not as genpas writes them",
                             tip="Begin again with --force.")  # fmt: skip
    for key, meaning in _OF_OTHERS.items():
        if before.get(key) != settings.get(key):
            raise IntegrityError(f"what the stopped run has done is of {meaning}", tip="Begin again with --force.")
    for name, now in settings["versions"].items():
        if (then := before["versions"].get(name)) != now:
            raise UsageError(f"the stopped run used {name} {then}; this is {now}", tip="Begin again with --force.")
    for name, value in settings["options"].items():
        had = before["options"].get(name)
        if had != value:
            raise UsageError(
                f"--{name.replace('_', '-')} is {_shown(value)}; the stopped run had {_shown(had)}",
                tip="Only with the same options it can go on; --force begins again.",
            )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
