"""Claims: a lock that lets only one run at a time write to a prefix on object storage.

Arrow's clients cannot write an object only if it is missing. So a claim takes two steps, in this order: a run writes
its own claim under a unique name, then it lists all claims, and withdraws if it sees another living claim. As listings
show everything written before (S3, Google, MinIO and Ceph guarantee this), of two runs at least one sees the other.

A run renews its claim every `_BEAT_SECONDS`. The claim of a killed run is dead as soon as its process has ended, if
that can be checked (on the same machine); otherwise `_LAPSE_SECONDS` after the last renewal, by the storage's clock. A
run that could not renew its claim for `_LEASE_SECONDS` writes nothing more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import platform
import random
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from genpas_cli.runtime.errors import GenpasError, MachineError, UsageError
from genpas_cli.runtime.object_storage.remote import RemoteFile, listed, put, removed_below, tried
from genpas_cli.runtime.object_storage.requests import is_unanswered

_RUN = ".genpas-run-"
"""Prefix of a run's directory, which has everything the run has not published yet. No glob finds it, as its name starts
with a dot and its files do not end in `.parquet`."""
_CLAIM = "claim.json"

_BEAT_SECONDS, _LEASE_SECONDS, _LAPSE_SECONDS = 10.0, 40.0, 90.0
_ATTEMPTS = 8


class Other(NamedTuple):
    """Another run's directory below the prefix."""

    name: str
    """Name of the directory."""
    files: dict[str, RemoteFile]
    """Name relative to the directory → file."""


def _pause() -> None:
    time.sleep(random.uniform(0.1, 1.0))  # noqa: S311  # random, so that two runs do not retry in step


class Claim:
    """The right of this run to write below a prefix.

    Args:
        prefix: URI without a trailing slash.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix, self.name = prefix, f"{_RUN}{uuid.uuid4().hex}"
        self.directory = f"{prefix}/{self.name}"
        """URI where this run may write before it publishes."""
        self._content = json.dumps({**_process(), "token": self.name}).encode()
        self._renewed, self._now = 0.0, dt.datetime.max.replace(tzinfo=dt.UTC)
        self._ended = threading.Event()

    def acquire(self) -> list[Other]:
        """Claim the prefix, and return the directories that dead runs have left there.

        Raises:
            UsageError: another run is writing to the prefix.
            DataError, MachineError: the storage cannot be reached.
        """
        for _ in range(_ATTEMPTS):
            self._renew()
            others = self._others()
            living = [other for other in others if self._is_living(other)]
            if not living:
                return others
            removed_below(self.directory)
            _pause()
        raise UsageError(
            f"another genpas process is writing {self._prefix} ({self._described(living[0])})",
            tip="Wait until the other run has finished, or choose another output with -o. If it was killed, its lock "
            f"expires {_LAPSE_SECONDS:.0f} seconds after its last update.",
        )

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the claim while the block runs."""
        thread = threading.Thread(target=self._beat, name="genpas-claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            if not is_unanswered():
                thread.join()

    def check(self) -> None:
        """Raise MachineError if the claim was not renewed in time, so that another run may have claimed the prefix."""
        if time.monotonic() - self._renewed > _LEASE_SECONDS:
            raise MachineError(
                f"the object storage was unreachable for {time.monotonic() - self._renewed:.0f} seconds, so another "
                f"run may have started to write {self._prefix}",
                tip="Run the command again.",
            )

    def is_only_one(self) -> bool:
        """Tell whether the claim still exists, and no other run has a living claim.

        A run that is being refused has a claim for a moment at each attempt. It withdraws as long as this claim is
        there, so only a claim that stays means that the other run writes.
        """
        for _ in range(_ATTEMPTS):
            if _CLAIM not in listed(self.directory):
                return False
            if not any(self._is_living(other) for other in self._others()):
                return True
            _pause()
        return False

    def _renew(self) -> None:
        put(self._content, f"{self.directory}/{_CLAIM}")
        self._renewed = time.monotonic()

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            with contextlib.suppress(GenpasError):  # tried again; `check` raises if renewals fail for too long
                self._renew()

    def _others(self) -> list[Other]:
        runs: dict[str, dict[str, RemoteFile]] = {}
        for name, file in listed(self._prefix).items():
            run, slash, rest = name.partition("/")
            if run.startswith(_RUN) and slash:
                runs.setdefault(run, {})[rest] = file
        own = runs.pop(self.name, {})
        self._now = (own[_CLAIM].modified if _CLAIM in own else None) or self._now
        return [Other(run, files) for run, files in runs.items()]

    def _is_living(self, other: Other) -> bool:
        """Tell whether a run may still be active."""
        claim = other.files.get(_CLAIM)
        if claim is None:
            return False  # a run writes its claim first
        process = self._process_of(other)
        if process is None:
            return False
        if (ended := _has_ended(process)) is not None:
            return not ended
        return claim.modified is None or (self._now - claim.modified).total_seconds() < _LAPSE_SECONDS

    def _process_of(self, other: Other) -> dict[str, Any] | None:
        """Return the process that made a claim, empty if unreadable; None if the claim was withdrawn in between."""
        try:
            text = tried(f"{self._prefix}/{other.name}/{_CLAIM}", lambda file: bytes(file.read()))
        except FileNotFoundError:
            return None
        try:
            process = json.loads(text)
        except ValueError:
            return {}
        return process if isinstance(process, dict) else {}

    def _described(self, other: Other) -> str:
        process = self._process_of(other) or {}
        return f"process {process.get('pid', '?')} on {process.get('host', 'another machine')}"


def own_files(name: str) -> bool:
    """Tell whether a name below the prefix is in a run's directory of unpublished files."""
    return name.startswith(_RUN)


def remove_claim(claim: Claim) -> None:
    """Remove this run's directory."""
    removed_below(claim.directory)


def _process() -> dict[str, Any]:
    """Return facts that identify this process on this machine, and to people."""
    pid = os.getpid()
    return {"host": platform.node(), "pid": pid, "machine": _machine(), "started": _started(pid)}


def _machine() -> str | None:
    """Return an id of the boot and PID namespace, shared by processes that see each other's PIDs; None if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """Return the start time of a process in clock ticks since boot; None if no such process is running."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]  # a zombie has ended


def _has_ended(process: dict[str, Any]) -> bool | None:
    """Tell whether a process has ended; None if that cannot be checked from this machine."""
    if process.get("machine") is None or process["machine"] != _machine():
        return None
    pid = process.get("pid")
    return not isinstance(pid, int) or _started(pid) != process.get("started")
