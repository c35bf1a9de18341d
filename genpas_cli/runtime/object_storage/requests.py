"""Requests to object storage: their file systems, time limits and errors.

Arrow's clients cannot be interrupted by a signal while they wait. So each request runs on its own thread, and the
caller waits in Python for the answer, a signal, or the time limit.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from genpas_cli.runtime.errors import DataError, GenpasError, MachineError, redacted
from genpas_cli.runtime.object_storage.uris import Uri, endpoint
from genpas_cli.runtime.signals import came, uninterrupted

T = TypeVar("T")

ANSWER_SECONDS = 40.0
"""Time limit of a request without data."""
DATA_SECONDS = 600.0
"""Time limit of a request with data; without any data for `_SILENT_SECONDS` it fails earlier."""
CLEANING_SECONDS = 8.0
"""Time limit of each request by which a failed run removes its files."""

_CONNECT_SECONDS, _SILENT_SECONDS, _ATTEMPTS = 5.0, 8.0, 3
_GRACE_SECONDS = 1.0
"""Seconds that an interrupted run waits for a running request before it abandons it."""

_WHO = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""Environment variables of credentials, which may change while a program runs; each change needs a new file system."""

_left_behind: list[threading.Thread] = []

_DENIED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN|UNRECOGNIZED_CLIENT|"
    r"MISSING_AUTHENTICATION|EXPIRED|InvalidAccessKeyId|SignatureDoesNotMatch|HTTP status 40[13]\b|UNAUTHENTICATED|"
    r"PERMISSION_DENIED|Permission denied|Unauthorized|Could not create a OAuth2 access token",
    re.IGNORECASE,
)
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|bucket does not exist|Bucket '[^']*' not found", re.IGNORECASE)
_CONNECTION = re.compile(r"curlCode: \d+, ([^;]+)")
_NOISE = re.compile(r"\s*\(Request ID: [^)]*\)|\s*No response body\.|Detail: .*")
_ENVIRONMENT = "Check the credentials, AWS_REGION and AWS_ENDPOINT_URL in the environment."


def answered(request: Callable[[], T], *, seconds: float = ANSWER_SECONDS, cleaning: bool = False) -> T:
    """Return the result of a request, or raise its exception.

    Args:
        request: called on another thread.
        seconds: time limit.
        cleaning: whether to keep waiting after the run was interrupted.

    Raises:
        TimeoutError: the request took longer than `seconds`, or the run was interrupted meanwhile.
    """
    ended: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            ended.put((request(), None))
        except BaseException as error:  # noqa: BLE001  # raised again by the waiting caller
            ended.put((None, error))

    thread = threading.Thread(target=run, name="genpas-storage", daemon=True)
    with uninterrupted():
        thread.start()
    try:
        value, error = _waited(ended, seconds, cleaning=cleaning)
    except BaseException:
        with uninterrupted():
            thread.join(_GRACE_SECONDS)
            _left_behind.append(thread)
        raise
    if error is not None:
        raise error
    result: T = value
    return result


def _waited(
    ended: SimpleQueue[tuple[Any, BaseException | None]], seconds: float, *, cleaning: bool
) -> tuple[Any, BaseException | None]:
    before = time.monotonic() + seconds
    while True:
        with suppress(Empty):
            return ended.get(timeout=0.2)
        if time.monotonic() > before:
            raise TimeoutError(f"no answer within {seconds:.0f} seconds")
        if came and not cleaning:
            raise TimeoutError("interrupted")


def is_unanswered() -> bool:
    """Tell whether an abandoned request is still running, for which Arrow would wait at exit."""
    return any(thread.is_alive() for thread in _left_behind)


def system(uri: Uri) -> Any:
    """Return Arrow's file system for a URI. This may request the bucket's region from Amazon.

    Raises:
        UsageError: AWS_ENDPOINT_URL is not the URL of a server.
    """
    server = endpoint() if uri.scheme == "s3" else None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    of_bucket = uri.bucket if uri.scheme == "s3" and server is None and region is None else None
    who = tuple(os.environ.get(name) for name in _WHO)
    return _system(uri.scheme, server, region, of_bucket, (os.getpid(), *who))


@functools.lru_cache(maxsize=8)
def _system(
    scheme: str, server: tuple[str, str] | None, region: str | None, bucket: str | None, _whose: tuple[Any, ...]
) -> Any:
    """Return a file system, cached so that its connections are reused."""
    from pyarrow import fs

    if scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_SILENT_SECONDS * _ATTEMPTS))
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS, "request_timeout": _SILENT_SECONDS,
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    }  # fmt: skip
    if server is not None:
        protocol, host = server
        return fs.S3FileSystem(endpoint_override=host, scheme=protocol, region=region or "us-east-1", **options)
    return fs.S3FileSystem(region=region or fs.resolve_s3_region(bucket), **options)


def failure(
    uri: Uri, error: Exception, doing: str, when: str = "", *, other: type[GenpasError] = DataError
) -> GenpasError:
    """Return the error for a failed request.

    Args:
        uri: URI of the file or prefix.
        error: the exception raised by Arrow.
        doing: the action as a participle, such as `read`.
        when: the state at the failure, such as ` after 5 of 10 bytes`.
        other: class of the error if neither the bucket nor the credentials are the cause.
    """
    text = str(error)
    if _NO_BUCKET.search(text):
        return no_bucket(uri)
    if _DENIED.search(text):
        return MachineError(
            f"{uri} cannot be {doing}{when}: access denied; the credentials are wrong or do not permit this",
            tip="Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_PROFILE."
            if uri.scheme == "s3" else "Check GOOGLE_APPLICATION_CREDENTIALS.",
        )  # fmt: skip
    if connection := _CONNECTION.search(text):
        cause = f"the server does not answer ({connection[1].strip().lower()})"
    elif isinstance(error, TimeoutError):
        cause = f"the server does not answer ({text})"
    else:
        cause = _NOISE.sub("", redacted((text.splitlines() or ["no reason given"])[0]))
    return other(f"{uri} cannot be {doing}{when}: {cause}", tip=_ENVIRONMENT)


def no_bucket(uri: Uri) -> DataError:
    """Return the error for a bucket that does not exist."""
    return DataError(
        f"{uri}: the bucket {uri.bucket!r} does not exist",
        tip="Check the name of the bucket, AWS_REGION and AWS_ENDPOINT_URL.",
    )
