"""Servers that do not answer, or refuse: a run ends in time, at the first signal, and says what is wrong."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.object_storage.conftest import SETTINGS
from tests.support import Genpas, refused

COMMANDS = (
    ("ingest", "s3://bucket/x", "-o", "x.store"),
    ("verify", "s3://bucket/x"),
    ("augment", "log.store", "-o", "s3://bucket/x"),
)


@pytest.fixture
def silent(genpas: Genpas) -> Iterator[Genpas]:
    """The command, with a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield genpas.with_env(**SETTINGS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{listening.getsockname()[1]}")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_server_that_says_nothing_is_given_up_within_a_minute(
    silent: Genpas, store: Path, command: tuple[str, ...]
) -> None:
    (silent.cwd / "log.store").symlink_to(store)
    began = time.monotonic()
    refused(silent(*command), 1, "s3://bucket/x", "the server does not answer", "AWS_ENDPOINT_URL")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_the_first_signal_ends_the_wait(
    silent: Genpas, store: Path, command: tuple[str, ...], signum: signal.Signals
) -> None:
    (silent.cwd / "log.store").symlink_to(store)
    run = silent.start(*command)
    time.sleep(2)
    run.send_signal(signum)
    began = time.monotonic()
    said = run.communicate(timeout=20)[1].decode()
    assert run.returncode == 128 + signum, said
    assert "interrupted" in said
    assert time.monotonic() - began < 5


class _Denying(BaseHTTPRequestHandler):
    """Answers everything with the status 403."""

    def _deny(self) -> None:
        body = (
            b"<Error><Code>InvalidAccessKeyId</Code><Message>secretsecret is not known</Message></Error>"
            if self.command != "HEAD" else b""
        )  # fmt: skip
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _deny  # noqa: N815  # as http.server calls them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_wrong_credentials_are_called_that(genpas: Genpas, store: Path, command: tuple[str, ...]) -> None:
    (genpas.cwd / "log.store").symlink_to(store)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Denying)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    denied = genpas.with_env(
        **SETTINGS | {"AWS_SECRET_ACCESS_KEY": "secretsecret"},
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
    )
    done = denied(*command)
    server.shutdown()
    server.server_close()
    refused(done, 3, "s3://bucket/x", "access denied; the credentials are wrong", "AWS_ACCESS_KEY_ID")
    assert "secretsecret" not in done.stderr
