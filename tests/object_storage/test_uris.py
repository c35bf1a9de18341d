"""What is written like a URI: object storage, or an error in one sentence; never a directory `./s3:/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli import (
    ExportOptions,
    IngestOptions,
    TrainOptions,
    TuneOptions,
    UsageError,
    augment,
    compare,
    export,
    fresh_pairs,
    ingest,
    merge,
    stats,
    train,
    tune,
    verify,
)
from genpas_cli.runtime.errors import GenpasError, redacted
from genpas_cli.runtime.object_storage.uris import Uri, endpoint, parse
from tests.support import InProcess, refused

MALFORMED = {
    "s3://": "does not name a bucket",
    "s3:///x": "does not name a bucket",
    "s3://bu%20cket/x": "is not a valid bucket name",
    "s3://bucket:80/x": "is not a valid bucket name",
    "s3://b/x": "is not a valid bucket name",
    "S3://bucket/x": "S3:// URIs are not supported",
    "s3a://bucket/x": "s3a:// URIs",
    "gcs://bucket/x": "gcs:// URIs",
    "http://bucket/x": "http:// URIs",
    "file:///tmp/x": "file:// URIs",
    "s3://KEY:se/cr+et@bucket/x": "s3://***@bucket/x: a URI must not contain credentials",
    "s3://KEY@bucket/x": "s3://***@bucket/x: a URI must not contain credentials",
    "s3://bucket/x?access_key=AKIA&secret_key=wJalr": "credentials",
}


def test_names_and_their_parts() -> None:
    assert parse("s3://bucket/a/b%20c?d#e") == Uri("s3", "bucket", "a/b%20c?d#e")
    assert parse("gs://bucket") == Uri("gs", "bucket", "")
    assert parse(Path("s3://bucket/key")) == Uri("s3", "bucket", "key")
    for name in ("log.csv", "./s3://bucket/x", "a:/b", "C:/x", "-", "logs/s3:x", "s3"):
        assert parse(name) is None, name


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_addresses_are_wrong_usage_in_every_command(inside: InProcess, name: str) -> None:
    commands = (
        ("ingest", name, "-o", "x.store"), ("augment", name), ("verify", name), ("train", name), ("stats", name),
        ("export", name, "--to", "jsonl", "-o", "x"), ("tune", name), ("compare", name),
    )  # fmt: skip
    for command in commands:
        refused(inside(*command), 2, MALFORMED[name])
    assert list(inside.cwd.iterdir()) == []


def test_an_argument_too_many_is_not_shown_with_its_password(inside: InProcess) -> None:
    done = inside("verify", "x.pairs", "s3://KEY:secret@bucket/x")
    refused(done, 2, "s3://***@bucket/x", "credentials")
    assert "secret@" not in done.stderr


@pytest.mark.parametrize("scheme", ["abfs", "abfss"])
def test_a_container_before_the_host_is_no_password(inside: InProcess, scheme: str) -> None:
    done = inside("ingest", f"{scheme}://box@account.dfs.core.windows.net/x", "-o", "x.store")
    refused(done, 2, f"{scheme}:// URIs are not supported")
    assert "credentials" not in done.stderr


LOCAL = "s3://bucket/x"


def test_a_path_of_the_command_line_that_takes_no_uri(inside: InProcess) -> None:
    log = inside.cwd / "log.csv"
    log.write_text("user_id,item_id,timestamp\n", encoding="utf-8")
    commands = {
        ("ingest", log, "-o", LOCAL): "-o",
        ("ingest", log, "-o", "x.store", "--items", LOCAL): "--items",
        ("ingest", log, "-o", "x.store", "--users", LOCAL): "--users",
        ("ingest", log, "-o", "x.store", "--temp-dir", LOCAL): "--temp-dir",
        ("augment", log, "--store", LOCAL): "--store",
        ("augment", log, "--engine", "spark", "-o", LOCAL): "-o",
        ("stats", log, "--store", LOCAL): "--store",
        ("stats", log, "--html", LOCAL): "--html",
        ("stats", log, "--check", LOCAL): "--check",
        ("verify", "x.pairs", "--store", LOCAL): "--store",
        ("merge", "x.part-1-of-2", "-o", LOCAL): "-o",
        ("train", "x.pairs", "-o", LOCAL): "-o",
        ("train", "x.pairs", "--fresh", LOCAL): "--fresh",
        ("compare", log, "-o", LOCAL): "-o",
        ("compare", log, "-o", "x", "--html", LOCAL): "--html",
        ("tune", log, "--html", LOCAL): "--html",
        ("tune", log, "--train-top", "1", "-o", LOCAL): "-o",
        ("export", "x.pairs", "--to", "jsonl", "-o", LOCAL): "-o",
        ("export", "x.pairs", "--to", "jsonl", "-o", "x", "--semantic-ids", LOCAL): "--semantic-ids",
    }
    for command, flag in commands.items():
        refused(inside(*command), 2, f"{flag} must be a local path, not s3://bucket/x")
    assert [path.name for path in inside.cwd.iterdir()] == ["log.csv"]


def test_a_path_of_the_library_that_takes_no_uri(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    augment(store, "log.pairs")
    there = Path("s3://bucket/x")
    calls = (
        lambda: ingest(store, there),
        lambda: IngestOptions(items="gs://bucket/x"),
        lambda: augment("log.csv", "y.pairs", keep_store=there),
        lambda: verify("log.pairs", store=there),
        lambda: stats("log.pairs", store=there),
        lambda: export("log.pairs", there, ExportOptions(to="jsonl")),
        lambda: train("log.pairs", there),
        lambda: TrainOptions(fresh="s3://bucket/x"),
        lambda: tune(store, TuneOptions(train_top=1), output=there),
        lambda: compare(store, there),
        lambda: fresh_pairs(there),
        lambda: merge(["log.pairs"], there),
    )
    for call in calls:
        with pytest.raises(UsageError, match="must be a local path"):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["log.pairs"]


@pytest.mark.parametrize(
    "url",
    ["localhost:9000", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:0", "http://a%zzb:1", "ftp://a", "x"],
)
def test_an_endpoint_that_is_no_server(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(UsageError, match=r"AWS_ENDPOINT_URL is .*; it must be the URL of a server"):
        endpoint()


def test_endpoints(monkeypatch: pytest.MonkeyPatch, inside: InProcess) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert endpoint() is None
    for url, expected in {
        "http://127.0.0.1:9000": ("http", "127.0.0.1:9000"), "https://minio.example/": ("https", "minio.example"),
        "http://[::1]:9000": ("http", "[::1]:9000"),
    }.items():  # fmt: skip
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert endpoint() == expected
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://root:hunter2hunter2@127.0.0.1:9000")
    done = inside("verify", "s3://bucket/x")
    refused(done, 2, "http://***@127.0.0.1:9000", "must not contain a user name or a password")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://AKIA:se/c+r@bucket/key x", "s3://***@bucket/key x"),
        ("s3://K:a@b@bucket/x", "s3://***@bucket/x"),
        ("no http://u:p@host:9/x.", "no http://***@host:9/x."),
        ("s3:/K:S@b/k", "s3:/***@b/k"),
        ("?access_key=A&secret_key=B/C&x=1", "?access_key=***&secret_key=***&x=1"),
        ("s3://b/k?endpoint_override=http://u:p@h", "s3://b/k?endpoint_override=http://***@h"),
        ("X-Amz-Credential=AB/2&X-Amz-Signature=z", "X-Amz-Credential=***&X-Amz-Signature=***"),
        ("s3://bucket/user:x@y and a@b.c", "s3://bucket/user:x@y and a@b.c"),
        ("the key wJalrXUtnFEMI is wrong", "the key *** is wrong"),
    ],
)
def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    assert redacted(text) == expected
    error = GenpasError(text, tip=text)
    assert (error.message, error.tip, str(error)) == (expected, expected, f"{expected}\n{expected}")
