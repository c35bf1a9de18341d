"""An S3 server on this machine, and a way to it that can be cut."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyarrow import fs

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "genpas", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own."""

    name: str
    system: Any
    endpoint: str

    def put(self, key: str, content: bytes) -> str:
        """Make an object, and return its URI."""
        with self.system.open_output_stream(f"{self.name}/{key}", compression=None) as stream:
            stream.write(content)
        return f"s3://{self.name}/{key}"

    def get(self, key: str) -> bytes:
        """Return the content of an object."""
        with self.system.open_input_stream(f"{self.name}/{key}", compression=None) as stream:
            content: bytes = stream.read()
        return content

    def objects(self) -> list[str]:
        """Return the names of all objects."""
        found = self.system.get_file_info(fs.FileSelector(self.name, recursive=True))
        return sorted(each.path[len(self.name) + 1 :] for each in found if each.type == fs.FileType.File)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of an S3 server."""
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    threaded = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    yield f"http://127.0.0.1:{threaded.get_host_and_port()[1]}"
    threaded.stop()


_numbers = itertools.count()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new bucket; the environment names its server."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    system = fs.S3FileSystem(
        endpoint_override=urlsplit(server).netloc, scheme="http", region="eu-west-1", allow_bucket_creation=True
    )
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    system.create_dir(name)
    return Bucket(name, system, server)


class Cutting:
    """A way to a server that ends, in the middle of what it answers, as often as it is told to.

    Args:
        server: its address.
        after: bytes of an answer that pass.
        times: how many connections are cut.
    """

    def __init__(self, server: str, *, after: int, times: int) -> None:
        self._there, self._after, self._left = urlsplit(server), after, times
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cut = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        server = socket.create_connection((self._there.hostname, self._there.port))
        threading.Thread(target=self._copy, args=(client, server, None), daemon=True).start()
        self._copy(server, client, self._after)

    def _copy(self, source: socket.socket, target: socket.socket, after: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                if after is not None and self._left > 0 and passed + len(data) > after:
                    self._left -= 1
                    self.cut += 1
                    break
                target.sendall(data)
                passed += len(data)
        for end in (source, target):
            # Closing alone tells the other side nothing while a thread still waits for data there.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def cutting(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a way that is cut between the environment and the server."""
    ways: list[Cutting] = []

    def put(*, after: int, times: int) -> Cutting:
        ways.append(Cutting(bucket.endpoint, after=after, times=times))
        monkeypatch.setenv("AWS_ENDPOINT_URL", ways[-1].endpoint)
        return ways[-1]

    yield put
    for way in ways:
        way.close()
