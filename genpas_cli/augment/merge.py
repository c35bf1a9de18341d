"""`merge`: one pairs directory from the parts that `augment --part` made on several machines."""

from __future__ import annotations

import glob
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Unpack

from genpas_cli.augment.engines.work import Part
from genpas_cli.augment.planning.job_plan import parse_part
from genpas_cli.pairs.checked_files import CheckedFiles
from genpas_cli.pairs.data_card import write_card
from genpas_cli.pairs.manifest import (
    Manifest,
    foreign_in_pairs,
    identity_of,
    manifest_files,
    read_part,
    run_facts,
    write_manifest,
)
from genpas_cli.pairs.shards import ShardFile, rows_by_split
from genpas_cli.runtime.atomic_output import building, refuse_existing
from genpas_cli.runtime.errors import IntegrityError, UsageError
from genpas_cli.runtime.keywords import MachineKeywords
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import MachineOptions, check_disk, disk_error, resolve
from genpas_cli.runtime.object_storage.remote import needed_here
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.results.reports import Report
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.runtime.text.shell import shell_word

_SHARD = re.compile(r"(?P<series>.*)-(?P<index>\d{5,})-of-(?P<count>\d{5,})\.parquet")


@dataclass(frozen=True, repr=False)
class MergeReport(Report):
    """The report of `merge`; `genpas merge --json` prints its fields."""

    output: str
    """The pairs directory."""
    parts: int
    pairs: dict[str, int]
    """Rows by split; the training rows of all epochs together."""
    files: int
    """Number of shards."""
    bytes: int
    """Size of all shards."""
    seconds: float


class _Found(NamedTuple):
    """A part on disk."""

    directory: Path
    part: Part
    checked: CheckedFiles

    @property
    def manifest(self) -> Manifest:
        return self.checked.manifest

    @property
    def files(self) -> list[ShardFile]:
        return manifest_files(self.manifest)


@checked
def merge(
    parts: Sequence[str | Path], output: str | Path | None = None, machine: MachineOptions | None = None, *,
    force: bool = False, progress: Progress = silent, **_: Unpack[MachineKeywords],
) -> MergeReport:  # fmt: skip
    """Merge the parts of a data set; the shards are byte-identical to those of a single run.

    Files on the same file system are hard-linked, others copied; the parts are kept.

    Args:
        parts: all directories that `augment` made with `part`, in any order; a name may be a pattern such as
            `logs.pairs.part-*`.
        output: the output directory; by default the name of the first part without its suffix.
        machine: number of threads that check the files.
        force: overwrite an existing output.
        progress: called with the progress.

    Raises:
        DataError: a directory is not a part.
        UsageError: the parts are not of one data set, or the output exists.
        IntegrityError: a part is missing or damaged.
        MachineError: disk space or permission is missing.
    """
    started, limits = time.monotonic(), resolve(machine or MachineOptions())
    if output is not None:
        check_local(output, "-o")
    found = _checked([directory for part in parts for directory in _named(part)])
    path = Path(output) if output is not None else _whole_of(found[0])
    if part := next((each for each in found if each.directory.resolve() == path.resolve()), None):
        raise UsageError(
            f"-o {path} is one of the parts, {part.directory}",
            tip=f"Choose another directory, such as: -o {shell_word(str(_whole_of(found[0])))}",
        )
    refuse_existing(path, force=force, foreign=foreign_in_pairs)
    files = [file for each in found for file in each.files]
    _check_complete(files)
    _check_digests(found, limits.threads, progress)
    with building(path, force=force, foreign=foreign_in_pairs) as new:
        for each in found:
            _take(each, new)
        identity = identity_of(found[0].manifest)
        files.append(write_card(new, identity, files))
        runs = {"parts": [each.manifest["run"] for each in found]}
        write_manifest(new, {**identity, "run": run_facts(time.monotonic() - started) | runs}, files)
    shards = [file for file in files if _SHARD.fullmatch(file.path)]
    return MergeReport(
        str(path), len(found), rows_by_split(shards), len(shards), sum(file.bytes for file in shards),
        round(time.monotonic() - started, 3),
    )  # fmt: skip


def _named(part: str | Path) -> list[Path]:
    """Return the directory of that name; or, in the order of their numbers, those that match it as a pattern."""
    if Path(part).exists() or not glob.has_magic(str(part)):
        return [Path(part)]
    matching = glob.glob(str(part))  # noqa: PTH207  # Path.glob takes no absolute pattern
    return [Path(each) for each in sorted(matching, key=path_order)] or [Path(part)]


def _checked(directories: Sequence[Path]) -> list[_Found]:
    """Return the parts in the order of their numbers.

    Raises:
        DataError, UsageError, IntegrityError: see `merge`.
    """
    found = []
    for directory in directories:
        needed_here(directory)
        part = CheckedFiles(directory, read_part)
        found.append(_Found(directory, parse_part(part.manifest["part"]), part))
    first = found[0]
    for each in found[1:]:
        _check_same(first, each)
    by_number: dict[int, _Found] = {}
    for each in found:
        if (other := by_number.setdefault(each.part.number, each)) is not each:
            raise UsageError(
                f"{other.directory} and {each.directory} are the same part {each.part}",
                tip="Name only one of the two directories.",
            )
    missing = [number for number in range(1, first.part.of + 1) if number not in by_number]
    if missing:
        names = ", ".join(str(Part(number, first.part.of)) for number in missing)
        raise IntegrityError(
            f"{len(missing)} of {first.part.of} parts missing: {names}",
            tip="Name all parts. To make a missing one, run the command of the other parts with "
            f"--part {missing[0]}/{first.part.of}",
        )
    return [by_number[number] for number in sorted(by_number)]


def _check_same(first: _Found, other: _Found) -> None:
    """Raise UsageError if two parts are not of one data set."""
    one, two = identity_of(first.manifest), identity_of(other.manifest)
    differing = [key for key in one if one[key] != two.get(key)]
    if first.part.of != other.part.of:
        differing.append("number of parts")
    if differing:
        key = differing[0]
        shown = f" ({one[key]} and {two.get(key)})" if not isinstance(one.get(key, []), list | dict) else ""
        raise UsageError(
            f"{first.directory} and {other.directory} are parts of different data sets: {key} differs{shown}",
            tip="Make all parts with the same command, from the same log, with the same versions.",
        )


def _whole_of(first: _Found) -> Path:
    suffix = f".part-{first.part.number}-of-{first.part.of}"
    directory = first.directory if first.directory.name.endswith(suffix) else first.directory.absolute()
    if not directory.name.endswith(suffix):
        raise UsageError(
            f"{first.directory} was renamed, so the name of the output is unknown", tip="Name the output: -o DIR"
        )
    return directory.with_name(directory.name.removesuffix(suffix))


def _check_complete(files: Sequence[ShardFile]) -> None:
    """Raise IntegrityError unless each shard, of the number that shard names state, occurs exactly once."""
    indices: dict[tuple[str, str], list[int]] = {}
    for file in files:
        if (match := _SHARD.fullmatch(file.path)) is not None:
            indices.setdefault((match["series"], match["count"]), []).append(int(match["index"]))
    for (series, count), found in indices.items():
        if sorted(found) != list(range(int(count))):
            raise IntegrityError(
                f"the parts do not form a complete {series}-*-of-{count}: their manifests were changed"
            )


def _check_digests(parts: Sequence[_Found], threads: int, progress: Progress) -> None:
    """Raise IntegrityError if a file of a part is missing, or differs from the part's manifest."""
    for each in parts:
        try:
            each.checked.check(each.files, threads=threads, progress=progress)
        except IntegrityError as error:
            raise IntegrityError(
                f"part {each.part} is damaged: {error.message}", tip=f"Make the part again: --part {each.part} --force"
            ) from error


def _take(part: _Found, new: Path) -> None:
    """Hard-link the files of a part into `new`, or copy them if linking fails."""
    for file in part.files:
        source, target = part.directory / file.path, new / file.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source.resolve(), target)
            except OSError:
                check_disk(
                    target, file.bytes, what=str(target), tip="Free some disk space, or choose another disk with -o."
                )
                shutil.copyfile(source, target)
        except OSError as error:
            raise disk_error(error, target) from error
