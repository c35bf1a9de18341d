"""Where a pairs directory goes: a directory here, or a prefix on object storage."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from genpas_cli.errors import DataError, IntegrityError, UsageError
from genpas_cli.jobs.planning import Job, check_room
from genpas_cli.jobs.unfinished import resumable
from genpas_cli.machine import Machine, disk_error, scratch_directory
from genpas_cli.manifest import (
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
from genpas_cli.places import file_digest
from genpas_cli.publish import refuse_existing
from genpas_cli.remote import files_below, is_remote, removed, uploaded
from genpas_cli.shards import FinishedShards, ShardFile

_OURS = ("data/", "sequences/", "items.parquet", "users.parquet", "README.md")


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
    """A prefix on object storage: shards go there one by one; the manifest last, without which it is no data set."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")

    def __str__(self) -> str:
        return self._uri

    def refuse_existing(self, *, resume: bool, force: bool) -> None:
        for flag, given in {"--force": force, "--resume": resume}.items():
            if given:
                raise UsageError(
                    f"{flag} is for a directory here; objects cannot be exchanged in one step",
                    tip=f"Leave it out, and write to another place than {self._uri}.",
                )
        names = files_below(self._uri)
        if {NAME, PART_NAME} & set(names):
            raise UsageError(f"{self._uri} exists", tip="Remove it there, or choose another place with -o.")
        if foreign := next((name for name in names if not name.startswith(_OURS)), None):
            raise UsageError(f"{self._uri} holds something else: {foreign}", tip="Choose another place with -o.")

    def check_room(self, job: Job, machine: Machine) -> None:
        # A few shards at a time lie on the disk here; it was made sure that memory holds as many.
        check_room(job, machine, None)

    @contextmanager
    def building(
        self, settings: dict[str, Any], machine: Machine, *, resume: bool, force: bool
    ) -> Iterator[FinishedShards]:
        del settings, resume, force
        with scratch_directory(machine.temp_dir) as scratch:
            work = scratch / "pairs"
            work.mkdir()
            finished = _Uploaded(work, self._uri)
            try:
                yield finished
                left = sorted(path for path in work.rglob("*") if path.is_file())
                for path in sorted(left, key=lambda path: path.name in (NAME, PART_NAME)):
                    finished.upload(path.relative_to(work).as_posix())
            except BaseException:
                with contextlib.suppress(Exception):  # the first error counts
                    finished.remove()
                raise


class _Uploaded(FinishedShards):
    """The shards that are on object storage, and not here any more."""

    def __init__(self, directory: Path, uri: str) -> None:
        super().__init__(directory)
        self._uri, self._there = uri, list[str]()

    def add(self, file: ShardFile) -> None:
        """Bring a shard there."""
        self.upload(file.path)
        try:
            (self.directory / file.path).unlink()
        except OSError as error:
            raise disk_error(error, self.directory) from error
        self.files[file.path] = file

    def upload(self, name: str) -> None:
        """Bring a file there."""
        self._there.append(name)
        uploaded(self.directory / name, f"{self._uri}/{name}")

    def remove(self) -> None:
        """Take back what has been brought there."""
        for name in self._there:
            removed(f"{self._uri}/{name}")
