"""Where a pairs directory goes: a directory here, or a prefix on object storage."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from genpas_cli.augment.job_plan import Job, check_room
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
"""What names on object storage end in until the files are published."""
_COPIES = 8
"""How many files are copied at a time."""


class Destination(ABC):
    """Where a pairs directory goes."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what a user calls it."""

    @abstractmethod
    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        """Raise UsageError if there is something already that may not be replaced."""

    def made(self, manifest: Manifest) -> list[ShardFile] | None:  # noqa: ARG002  # one that can look does
        """Return the files of what is there, if it is the very data set, or the part, that this manifest describes."""
        return None

    @abstractmethod
    def check_room(self, job: Job, machine: Machine) -> None:
        """Raise MachineError if memory or disk will not do."""

    @abstractmethod
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> AbstractContextManager[FinishedShards]:
        """Give where shards are made; the directory, with all that the block has put into it, is then published.

        Args:
            settings: as of `resumable`.
            machine: where temporary files go.
            resume: as of `resumable`.
            force: replace what is there.
        """


def destination(output: str | Path) -> Destination:
    """Return the destination that an output means."""
    return _Storage(str(output)) if is_remote(output) else _Directory(Path(output))


class _Directory(Destination):
    """A directory here."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        # With --resume it may be the very one that is wanted; else building it is refused.
        if not (resume and is_pairs_directory(self._path)):
            refuse_existing(self._path, force=force, foreign=foreign_in_pairs)

    def made(self, manifest: Manifest) -> list[ShardFile] | None:
        try:
            there = read_part(self._path) if "part" in manifest else read_manifest(self._path)
        except (DataError, IntegrityError):
            return None
        if there.get("part") != manifest.get("part") or identity_of(there) != identity_of(manifest):
            return None
        files = manifest_files(there)
        for file in files:
            path = self._path / file.path
            if not path.is_file() or file_digest(path) != file.sha256:
                raise IntegrityError(
                    f"{self._path} is there already, but damaged: {file.path} is not as its manifest says",
                    tip="Leave out --resume, and make it again with --force.",
                )
        return files

    def check_room(self, job: Job, machine: Machine) -> None:
        check_room(job, machine, self._path)

    @contextmanager
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> Iterator[FinishedShards]:
        del machine  # what is built lies beside the output, on its disk
        with resumable(
            self._path, settings, foreign=foreign_in_pairs, resume=resume, force=force, unasked=False
        ) as work:  # fmt: skip
            yield FinishedShards(work)


class _Storage(Destination):
    """A prefix on object storage, which one run at a time may write to (`claims`).

    Files go into the run's own directory there, which no glob finds; when all are there, they are copied to their
    names, the manifest last.
    """

    def __init__(self, uri: str) -> None:
        self._uri = normal(uri)

    def __str__(self) -> str:
        return self._uri

    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        for flag, given in {"--force": force, "--resume": resume}.items():
            if given:
                raise UsageError(
                    f"{flag} is for a directory here; objects cannot be exchanged in one step",
                    tip=f"Leave it out, and write to another place than {self._uri}.",
                )
        self._check_free(set(files_below(self._uri)))

    def _check_free(self, names: set[str]) -> None:
        """Raise UsageError if there is anything below the prefix but what killed runs have not published."""
        if {NAME, PART_NAME} & names:
            raise UsageError(f"{self._uri} exists", tip="Remove it there, or choose another place with -o.")
        if foreign := sorted(name for name in names - self._left_half(names) if not own_files(name)):
            raise UsageError(f"{self._uri} holds something else: {foreign[0]}", tip="Choose another place with -o.")

    def _left_half(self, names: set[str]) -> set[str]:
        """Return the files of runs that were killed while they copied them to their names: they are the same still."""
        staged = {}
        for name in names:
            run, _, file = name.partition("/")
            if own_files(run) and file.endswith(STAGED):
                staged[file.removesuffix(STAGED)] = name
        return {name for name in names & set(staged) if self._digest(name) == self._digest(staged[name])}

    def _digest(self, name: str) -> str:
        return file_digest(StorageLocation(f"{self._uri}/{name}"))

    def check_room(self, job: Job, machine: Machine) -> None:
        # A few shards at a time lie on the disk here; it was made sure that memory holds as many.
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
        """Remove what killed runs have left; what is not theirs is refused."""
        names = set(files_below(self._uri))
        self._check_free(names)
        for name in self._left_half(names):
            removed(f"{self._uri}/{name}")
        for other in dead:
            removed_below(f"{self._uri}/{other.name}")


@contextmanager
def _withdrawn(claim: Claim) -> Iterator[None]:
    """Remove what the run has in its directory when it ends, however; unless the storage does not answer any more."""
    try:
        yield
    finally:
        with uninterrupted(), contextlib.suppress(GenpasError, OSError):  # the first error counts
            if not is_unanswered():
                remove_claim(claim)


class _Uploaded(FinishedShards):
    """The shards that are on object storage, and not here any more."""

    def __init__(self, directory: Path, uri: str, claim: Claim) -> None:
        super().__init__(directory)
        self._uri, self._claim, self._there = uri, claim, list[str]()

    def add(self, file: ShardFile) -> None:
        """Bring a shard there."""
        self.upload(file.path)
        try:
            (self.directory / file.path).unlink()
        except OSError as error:
            raise disk_error(error, self.directory) from error
        self.files[file.path] = file

    def upload(self, name: str) -> None:
        """Bring a file there, under a name that is not yet its own."""
        self._claim.check()
        uploaded(self.directory / name, f"{self._claim.directory}/{name}{STAGED}")
        self._there.append(name)

    def publish(self) -> None:
        """Give all files their names, the manifest last; if that fails, none has it.

        Raises:
            MachineError: the storage cannot be reached, or another run has taken the prefix.
        """
        if not self._claim.is_only_one():
            raise MachineError(f"another run has taken {self._uri}", tip="Choose another place with -o.")
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
        """Remove what has its name already, or may have it; they are this run's alone while it has the claim."""
        with contextlib.suppress(GenpasError, OSError):  # the first error counts
            self._claim.check()
            for name in {*named, *begun}:
                removed(f"{self._uri}/{name}")
