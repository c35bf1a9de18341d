"""Parsing of URIs: which ones are object storage, which are refused, and which parts may be shown.

Nothing here makes a request. A key on object storage is taken literally: `%`, `+`, `#` and blanks have no special
meaning.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from genpas_cli.runtime.errors import UsageError, redacted

_FOREIGN = ("s3a", "s3n", "gcs", "http", "https", "hdfs", "file", "ftp", "az", "abfs", "abfss", "wasb", "wasbs", "dbfs")
_ANY = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(?P<rest>.*)|(?P<known>(?i:s3|gs|{'|'.join(_FOREIGN)})):/(?P<path>[^/].*)",
    re.DOTALL,
)
"""A text that looks like a URI; with a single slash (which a `Path` made from a URI has), of known schemes only."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_CREDENTIALS = re.compile(
    r"[?&](access_key|secret_key|session_token|endpoint_override|AWSAccessKeyId|X-Amz-[A-Za-z-]+)=", re.IGNORECASE
)
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_EXAMPLE = "Write the URI as s3://bucket/key or gs://bucket/key."


class Uri(NamedTuple):
    """The URI of an object or prefix on object storage."""

    scheme: str
    """`s3` or `gs`."""
    bucket: str
    key: str
    """Key without the slash after the bucket; empty for the whole bucket."""

    @property
    def path(self) -> str:
        """Bucket and key, the path for Arrow's file systems."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"


def looks_like_uri(name: str | Path) -> bool:
    """Tell whether a name looks like a URI of any scheme."""
    return _ANY.fullmatch(str(name)) is not None


def is_remote(name: str | Path) -> bool:
    """Tell whether a name is a URI of object storage.

    Raises:
        UsageError: the name is a URI with another scheme, without a valid bucket, or with credentials.
    """
    return parse(name) is not None


def parse(name: str | Path) -> Uri | None:
    """Return the parts of a URI; None for a name that does not look like one.

    Raises:
        UsageError: see `is_remote`.
    """
    match = _ANY.fullmatch(str(name))
    if match is None:
        return None
    scheme, rest = match["scheme"] or match["known"], match["path"] if match["rest"] is None else match["rest"]
    if scheme not in ("s3", "gs"):
        raise UsageError(f"{name}: {scheme}:// URIs are not supported", tip=_instead(scheme.lower(), rest))
    if "@" in rest.split("/")[0] or (":" in rest.split("/")[0] and "@" in rest) or _CREDENTIALS.search(rest):
        raise UsageError(
            f"{name}: a URI must not contain credentials or settings, because genpas records and prints it",
            tip="Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL in the environment, or use a "
            "profile.",
        )
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise UsageError(f"{name} does not name a bucket", tip=_EXAMPLE)
    if _BUCKET.fullmatch(bucket) is None:
        raise UsageError(f"{name}: {bucket!r} is not a valid bucket name", tip=_EXAMPLE)
    return Uri(scheme, bucket, key)


def _instead(scheme: str, rest: str) -> str:
    known = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "gcs": "gs"}
    if scheme in known:
        return f"Write {known[scheme]}://{rest}"
    if scheme == "file":
        return f"Write only the path: /{rest.lstrip('/')}"
    return "genpas reads local paths, s3:// and gs://; copy the file to one of these first."


def check_local(name: str | Path, what: str) -> None:
    """Raise UsageError if a name that must be a local path looks like a URI.

    Args:
        name: the path.
        what: its option or argument, such as `--html`.
    """
    match = _ANY.fullmatch(str(name))
    if match is not None:
        shown = str(name) if match["scheme"] else f"{match['known']}://{match['path']}"
        raise UsageError(f"{what} must be a local path, not {shown}", tip="Use a local path.")


def endpoint() -> tuple[str, str] | None:
    """Return (scheme, host with port) of the S3 server named by the environment; None for Amazon's.

    Raises:
        UsageError: AWS_ENDPOINT_URL is not the URL of a server, or has a user name or password.
    """
    name = next((name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if os.environ.get(name)), None)
    if name is None:
        return None
    url = os.environ[name]
    from urllib.parse import urlsplit

    wrong = UsageError(f"{name} is {url!r}; it must be the URL of a server", tip="For example: http://127.0.0.1:9000")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{name} is {redacted(url)}; it must not contain a user name or a password",
            tip="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead.",
        )
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or _HOST.fullmatch(host) is None or parts.path.strip("/") or port == 0:
        raise wrong
    shown = f"[{host}]" if ":" in host else host
    return parts.scheme, shown if port is None else f"{shown}:{port}"
