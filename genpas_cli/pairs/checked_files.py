"""Files of a pairs directory that have been compared with their digests, and have not changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from genpas_cli.pairs.manifest import NAME, Manifest, make_again, read_manifest
from genpas_cli.pairs.shards import ShardFile
from genpas_cli.runtime.errors import DataError, IntegrityError
from genpas_cli.runtime.machine import cores
from genpas_cli.runtime.object_storage.locations import Location, file_digest, file_version
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.threads import in_order, pool

_THREADS = "genpas-digests"


def identity_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of a manifest without its `run`; it covers the digests of all files."""
    identity = {key: value for key, value in manifest.items() if key != "run"}
    identity["files"] = sorted(manifest["files"], key=lambda file: str(file["path"]))
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


class CheckedFiles:
    """The files of a pairs directory, each compared with its digest in the manifest once.

    After that, a file is recognized by its size, times and inode, and is compared again only if these have changed. A
    pickled copy in another process does not compare files again.

    Args:
        directory: the pairs directory, here or on object storage.
        read: reads its manifest; of one part of a data set, `read_part`.

    Attributes:
        manifest: of the directory.
        identity: digest of the data set, see `identity_digest`.

    Raises:
        DataError, IntegrityError: see `read_manifest`.
    """

    def __init__(self, directory: Location, read: Callable[[Any], Manifest] = read_manifest) -> None:
        self._directory = directory
        # Taken before the file is read, so that a manifest which is replaced in between counts as changed.
        version = _version(directory / NAME)
        self.manifest = read(directory)
        self.identity = identity_digest(self.manifest)
        self._versions = {NAME: version}
        self._digests: dict[str, str] = {}

    def check(self, files: Iterable[ShardFile], *, threads: int | None = None, progress: Progress = silent) -> None:
        """Compare those of these files with their digests that have not been compared yet.

        Args:
            files: as the manifest lists them.
            threads: how many files are read at a time; by default one per core.
            progress: told how far it is.

        Raises:
            IntegrityError: a file is missing or is not the one that the manifest lists; the message names it.
        """
        missing = [file for file in files if file.path not in self._digests]
        done, total = 0, sum(file.bytes for file in missing)
        threads = min(threads or cores(), max(len(missing), 1))
        calls = (lambda file=file: self._compared(file) for file in missing)
        with pool(threads, _THREADS) as workers:
            for file, version in zip(missing, in_order(workers, calls, ahead=2 * threads), strict=True):
                self._digests[file.path], self._versions[file.path] = file.sha256, version
                done += file.bytes
                progress("comparing digests", done, total)

    def check_same_manifest(self) -> None:
        """Raise IntegrityError if the directory has become another data set since it was opened."""
        path = self._directory / NAME
        if (version := _version(path)) == self._versions[NAME]:
            return
        try:
            same = identity_digest(read_manifest(self._directory)) == self.identity
        except DataError:
            same = False
        if not same:
            raise IntegrityError(
                f"{self._directory} was replaced while it was open: it has another manifest now",
                tip="Open the directory again to read the new pairs.",
            )
        self._versions[NAME] = version

    def check_same_file(self, path: str) -> None:
        """Raise IntegrityError if a compared file has changed since; other files are not looked at."""
        place = self._directory / path
        if path not in self._digests or (version := _version(place)) == self._versions[path]:
            return
        if not version or file_digest(place) != self._digests[path]:
            raise IntegrityError(
                f"{place} {'has changed' if version else 'has disappeared'} since {self._directory} was opened",
                tip="Open the pairs directory again; genpas verify checks whether it is complete.",
            )
        self._versions[path] = version

    def _compared(self, file: ShardFile) -> tuple[int, ...]:
        """Return the version of a file, after checking it against the digest in the manifest."""
        path, tip = self._directory / file.path, make_again(self._directory)
        version = _version(path)
        if not version:
            raise IntegrityError(f"{path} is missing, but the manifest lists it", tip=tip)
        if version[0] != file.bytes:
            raise IntegrityError(f"{path} has {version[0]:,} bytes, but the manifest says {file.bytes:,}", tip=tip)
        if (digest := file_digest(path)) != file.sha256:
            raise IntegrityError(
                f"{path} was changed: its SHA-256 is {digest}, but the manifest says {file.sha256}", tip=tip
            )
        return version


def _version(place: Location) -> tuple[int, ...]:
    """Return the version of a file; None if it is missing."""
    try:
        return file_version(place)
    except (FileNotFoundError, NotADirectoryError):
        return ()
