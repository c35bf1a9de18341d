"""Resumable jobs: a stopped run's work is kept next to the output, so that a later run can continue it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genpas_cli.runtime.atomic_output import Foreign, building, is_real_directory, sync, unfinished
from genpas_cli.runtime.errors import IntegrityError, UsageError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.signals import kept, uninterrupted

_SETTINGS = "settings.json"

_OF_OTHERS = {
    "vocabulary": "another vocabulary, so its item numbers refer to other items", "pairs": "other pairs",
    "log": "another log, or the same log read with other options", "codes": "other codes",
}  # fmt: skip
"""Settings that are digests, with the words of the error message if they differ."""


@contextmanager
def resumable(
    path: Path, settings: dict[str, Any], *, foreign: Foreign, resume: bool, force: bool, unasked: bool = True
) -> Iterator[Path]:  # fmt: skip
    """Yield a work directory, and publish it as the output `path` if the block succeeds.

    If the block fails or is killed, the work directory is kept next to `path` for the next run, unless it is still
    empty: a job that cannot work at all leaves nothing behind.

    Args:
        path: the output.
        settings: everything that determines the output: `options` and `versions` of libraries, by name, and digests of
            the input. A job is resumed only with equal settings.
        foreign: see `genpas_cli.runtime.atomic_output.refuse_existing`.
        resume: continue the work of a stopped run, if there is any.
        force: overwrite an existing output; without `resume`, also discard the work of a stopped run.
        unasked: if True, every run keeps its work when it stops, and a run refuses to start over existing work unless
            `resume` or `force` is given. If False, only a run with `resume` keeps its work, and a run without it
            discards existing work.

    Raises:
        UsageError: the output exists, or a stopped run's work exists and neither `resume` nor `force` is given, or that
            run had other options.
        IntegrityError: the stopped run had another input, or its work is damaged.
        MachineError: the output cannot be written.
    """
    with building(path, force=force, foreign=foreign) as new:
        work = unfinished(path)
        _refuse_foreign(work)
        if (force or not unasked) and not resume and work.is_dir():
            _discard(work, new)
        has_work = False
        try:
            with uninterrupted():
                _prepare(work, path, settings, resume=resume)
                has_work = True
            yield work
            # Under the new name an interrupt would remove the work, so what takes long comes first.
            sync(work)
            with uninterrupted():
                # Rename first: a work directory without its settings would be refused as foreign.
                work.rename(new)
                has_work = False
                (new / _SETTINGS).unlink()
        except BaseException:
            if not has_work:
                raise
            if not (unasked or resume) or [file.name for file in work.iterdir()] == [_SETTINGS]:
                _discard(work, new)
            else:
                kept.append(path.parent / work.name)
            raise


def _discard(work: Path, new: Path) -> None:
    """Remove unfinished work, renamed to `new` first: if this is killed, the next run removes the rest."""
    with uninterrupted():
        work.rename(new)
        shutil.rmtree(new, ignore_errors=True)


def _prepare(work: Path, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
    try:
        if not work.is_dir():
            work.mkdir()
            (work / _SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            return
    except OSError as error:
        raise disk_error(error, path) from error
    if not resume:
        raise UsageError(
            f"an earlier run that wrote {path} was interrupted",
            tip="Continue the run with --resume, or start again with --force.",
        )
    _check_same(work, settings)


def _refuse_foreign(work: Path) -> None:
    """Raise UsageError if the work directory's path exists but was not made by genpas, so that it is not touched."""
    if not os.path.lexists(work):
        return
    if is_real_directory(work) and ((work / _SETTINGS).is_file() or not any(work.iterdir())):
        return
    raise UsageError(
        f"{work} already exists and was not written by genpas; genpas needs this path for unfinished work",
        tip="Remove it, or choose another path with -o.",
    )


def _check_same(work: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads((work / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{work} is damaged: {error}", tip="Start again with --force.") from error
    if not isinstance(before, dict) or any(not isinstance(before.get(key), dict) for key in ("options", "versions")):
        raise IntegrityError(f"{work} is damaged: its settings are invalid", tip="Start again with --force.")
    for key, meaning in _OF_OTHERS.items():
        if before.get(key) != settings.get(key):
            raise IntegrityError(f"the interrupted run used {meaning}", tip="Start again with --force.")
    for name, now in settings["versions"].items():
        if (then := before["versions"].get(name)) != now:
            raise UsageError(
                f"the interrupted run used {name} {then}, but the current version is {now}",
                tip="Start again with --force.",
            )
    for name, value in settings["options"].items():
        had = before["options"].get(name)
        if had != value:
            raise UsageError(
                f"{flag_of(name)} is {_shown(value)}, but the interrupted run had {_shown(had)}",
                tip="Use the same options to continue the run, or start again with --force.",
            )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
