"""Destinations of a pairs directory: a local directory, or a prefix on object storage."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from genpas_cli.augment.planning.job_plan import Job, check_room
from genpas_cli.augment.resumable import resumable
from genpas_cli.pairs.manifest import (
    NAME,
    PART_NAME,
    Manifest,
    foreign_in_pairs,
    identity_of,
    is_pairs_directory,
    manifest_files,
    read_manifest,
    read_part,
)
from genpas_cli.pairs.shards import FinishedShards, ShardFile
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import DataError, GenpasError, IntegrityError, MachineError, UsageError
from genpas_cli.runtime.machine import Machine, disk_error, scratch_directory
from genpas_cli.runtime.object_storage.claims import Claim, Other, own_files, remove_claim
from genpas_cli.runtime.object_storage.locations import StorageLocation, file_digest
from genpas_cli.runtime.object_storage.remote import copied, files_below, normal, removed, removed_below, uploaded
from genpas_cli.runtime.object_storage.requests import is_unanswered
from genpas_cli.runtime.object_storage.uris import is_remote
from genpas_cli.runtime.signals import uninterrupted
from genpas_cli.runtime.threads import in_order, pool

STAGED = ".part"
"""Suffix of file names on object storage until the files are published."""
_COPIES = 8
"""Number of files that are copied at the same time."""


class Destination(ABC):
    """A destination of a pairs directory."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the path or URI as the user writes it."""

    @abstractmethod
    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        """Raise UsageError if the destination holds something that must not be overwritten."""

    def made(self, manifest: Manifest, *, force: bool) -> list[ShardFile] | None:  # noqa: ARG002  # `_Directory` uses them
        """Return the files of the existing output if it is the data set (or part) of this manifest, else None.

        Raises:
            UsageError: it is another data set, and `force` does not allow it to be overwritten.
            IntegrityError: it is this data set, but its files are damaged.
        """
        return None

    @abstractmethod
    def check_room(self, job: Job, machine: Machine) -> None:
        """Raise MachineError if memory or disk space is too small."""

    @abstractmethod
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> AbstractContextManager[FinishedShards]:
        """Yield a directory for the shards; publish everything in it if the block succeeds.

        Args:
            settings: see `resumable`.
            machine: names the directory for temporary files.
            resume: see `resumable`.
            force: overwrite the existing output.
        """


def destination(output: str | Path) -> Destination:
    """Return the destination for a path or URI."""
    return _Storage(str(output)) if is_remote(output) else _Directory(Path(output))


class _Directory(Destination):
    """A local directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        # With --resume the existing output may be the wanted one, see `made`; if it is not, `building` refuses it.
        if not (resume and is_pairs_directory(self._path)):
            refuse_existing(self._path, force=force, foreign=foreign_in_pairs)

    def made(self, manifest: Manifest, *, force: bool) -> list[ShardFile] | None:
        try:
            there = read_part(self._path) if "part" in manifest else read_manifest(self._path)
        except (DataError, IntegrityError):
            return None
        if (difference := _difference(there, manifest)) is not None:
            if force:
                return None
            raise UsageError(
                f"{self._path} already exists, and {difference}",
                tip="Overwrite it with --force, or choose another path with -o.",
            )
        files = manifest_files(there)
        for file in files:
            path = self._path / file.path
            if not path.is_file() or file_digest(path) != file.sha256:
                raise IntegrityError(
                    f"{self._path} already exists, but is damaged: {file.path} does not match the manifest",
                    tip="Remove --resume, and overwrite the output: --force",
                )
        return files

    def check_room(self, job: Job, machine: Machine) -> None:
        check_room(job, machine, self._path)

    @contextmanager
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> Iterator[FinishedShards]:
        del machine  # unfinished work is on the output's own disk
        with resumable(
            self._path, settings, foreign=foreign_in_pairs, resume=resume, force=force, unasked=False
        ) as work:  # fmt: skip
            yield FinishedShards(work)


class _Storage(Destination):
    """A prefix on object storage, to which one run at a time may write (see `claims`).

    Files are uploaded into the run's own directory below the prefix, which no glob matches. When all are uploaded, they
    are copied to their final names, the manifest last.
    """

    def __init__(self, uri: str) -> None:
        self._uri = normal(uri)

    def __str__(self) -> str:
        return self._uri

    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        for flag, given in {"--force": force, "--resume": resume}.items():
            if given:
                raise UsageError(
                    f"{flag} can only be used with a local output directory",
                    tip=f"Remove the option, and write to another location than {self._uri}.",
                )
        self._check_free(set(files_below(self._uri)))

    def _check_free(self, names: set[str]) -> None:
        """Raise UsageError if there is anything below the prefix except unpublished files of killed runs."""
        if {NAME, PART_NAME} & names:
            raise UsageError(f"{self._uri} already exists", tip="Remove it, or choose another location with -o.")
        if foreign := sorted(name for name in names - self._left_half(names) if not own_files(name)):
            raise UsageError(f"{self._uri} contains other files: {foreign[0]}", tip="Choose another location with -o.")

    def _left_half(self, names: set[str]) -> set[str]:
        """Return final names whose content equals a staged file: a run was killed while it published them."""
        staged = {}
        for name in names:
            run, _, file = name.partition("/")
            if own_files(run) and file.endswith(STAGED):
                staged[file.removesuffix(STAGED)] = name
        return {name for name in names & set(staged) if self._digest(name) == self._digest(staged[name])}

    def _digest(self, name: str) -> str:
        return file_digest(StorageLocation(f"{self._uri}/{name}"))

    def check_room(self, job: Job, machine: Machine) -> None:
        # The disk is not checked: only the few shards that workers hold in memory are on the local disk at a time.
        check_room(job, machine, None)

    @contextmanager
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> Iterator[FinishedShards]:
        del settings, resume, force
        claim = Claim(self._uri)
        with scratch_directory(machine.temp_dir) as scratch, _withdrawn(claim):
            dead = claim.acquire()
            with claim.kept():
                self._tidy(dead)
                work = scratch / "pairs"
                work.mkdir()
                finished = _Uploaded(work, self._uri, claim)
                yield finished
                for path in sorted(path for path in work.rglob("*") if path.is_file()):
                    finished.upload(path.relative_to(work).as_posix())
                finished.publish()

    def _tidy(self, dead: Sequence[Other]) -> None:
        """Remove the files of killed runs; raise UsageError if there are other files."""
        names = set(files_below(self._uri))
        self._check_free(names)
        for name in self._left_half(names):
            removed(f"{self._uri}/{name}")
        for other in dead:
            removed_below(f"{self._uri}/{other.name}")


@contextmanager
def _withdrawn(claim: Claim) -> Iterator[None]:
    """Remove the run's directory on exit, also after an error, unless the storage does not answer any more."""
    try:
        yield
    finally:
        with uninterrupted(), contextlib.suppress(GenpasError, OSError):  # keeps the first error
            if not is_unanswered():
                remove_claim(claim)


class _Uploaded(FinishedShards):
    """Finished shards, which are uploaded to object storage and then deleted from the local disk."""

    def __init__(self, directory: Path, uri: str, claim: Claim) -> None:
        super().__init__(directory)
        self._uri, self._claim, self._there = uri, claim, list[str]()

    def add(self, file: ShardFile) -> None:
        """Upload a shard, and delete the local file."""
        self.upload(file.path)
        try:
            (self.directory / file.path).unlink()
        except OSError as error:
            raise disk_error(error, self.directory) from error
        self.files[file.path] = file

    def upload(self, name: str) -> None:
        """Upload a file under its staged name."""
        self._claim.check()
        uploaded(self.directory / name, f"{self._claim.directory}/{name}{STAGED}")
        self._there.append(name)

    def publish(self) -> None:
        """Copy all files to their final names, the manifest last; if that fails, remove the copies.

        Raises:
            MachineError: the storage cannot be reached, or another run has taken the prefix.
        """
        if not self._claim.is_only_one():
            raise MachineError(f"another run started to write {self._uri}", tip="Choose another location with -o.")
        last = [name for name in self._there if name in (NAME, PART_NAME)]
        first = [name for name in self._there if name not in last]
        named = list[str]()
        with uninterrupted():
            try:
                with pool(_COPIES, "genpas-copy") as workers:
                    for name in in_order(workers, [partial(self._name, name) for name in first], ahead=4 * _COPIES):
                        named.append(name)
                named += [self._name(name) for name in last]
            except BaseException:
                self._take_back(named, first)
                raise

    def _name(self, name: str) -> str:
        self._claim.check()
        copied(f"{self._claim.directory}/{name}{STAGED}", f"{self._uri}/{name}")
        return name

    def _take_back(self, named: list[str], begun: list[str]) -> None:
        """Remove all files that are or may be published; while the claim holds, they can only be this run's."""
        with contextlib.suppress(GenpasError, OSError):  # keeps the first error
            self._claim.check()
            for name in {*named, *begun}:
                removed(f"{self._uri}/{name}")


def _difference(there: Manifest, wanted: Manifest) -> str | None:
    """Say in what an existing data set, or part of one, differs from the wanted one; None if in nothing."""
    before, now = ({"part": each.get("part")} | identity_of(each) for each in (there, wanted))
    key = next((key for key in {**now, **before} if before.get(key) != now.get(key)), None)
    if key is None:
        return None
    values = before.get(key), now.get(key)
    if any(isinstance(value, dict | list) for value in values) or key == "content_sha256":
        return f"was made with another value of {key}; see its manifest"
    return f"was made with {key} {values[0]}, not {values[1]}"
