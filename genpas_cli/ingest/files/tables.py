"""Refuses sources that are not plain files: files of Delta Lake, Iceberg and Hudi tables, unsupported URL schemes.

The directory of such a table also holds data files of deleted or replaced rows. Reading them all would silently give
a wrong log. The whole tables of Delta Lake and Iceberg are read by `lake_tables`, if their extras are installed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from genpas_cli.ingest.files.lake_tables import TITLES, Kind, is_readable
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.object_storage.remote import files_below
from genpas_cli.runtime.text.shell import shell_word

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,3}(?P<path>[^/].*)?")
_OBJECTS = ("s3", "gs")
_FETCH = {
    "http": "curl -L -o {file} {uri}", "https": "curl -L -o {file} {uri}", "ftp": "curl -o {file} {uri}",
    "hdfs": "hdfs dfs -get {uri} {file}", "hf": "hf download --repo-type dataset {dataset}",
}  # fmt: skip
_READ_AS = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
_DELTA, _ICEBERG, _HUDI = TITLES["delta"], TITLES["iceberg"], "Hudi"
_EXTRAS: dict[str, Kind] = {title: kind for kind, title in TITLES.items()}


def refuse_address(argument: str) -> None:
    """Raise UsageError for a URL of an unsupported scheme such as `https://`; the tip names the download command."""
    match = _ADDRESS.fullmatch(argument)
    if match is None or Path(argument).exists():
        return
    scheme, path = match["scheme"].lower(), match["path"] or ""
    if scheme in _OBJECTS:
        return
    if scheme == "file":
        raise UsageError(
            f"{argument}: file:// URIs are not supported",
            tip=f"Use the path: genpas ingest {shell_word('/' + path.removeprefix('localhost/'))} -o STORE",
        )
    raise UsageError(
        f"{argument}: {scheme}:// URIs are not supported; genpas reads local files, s3:// and gs://",
        tip=_fetch_tip(scheme, path),
    )


def _fetch_tip(scheme: str, path: str) -> str:
    if scheme in _READ_AS:
        return f"Write it as {_READ_AS[scheme]}://{path}"
    if scheme not in _FETCH:
        return "Copy the files to a local disk first."
    file = PurePosixPath(path.split("?", maxsplit=1)[0]).name or "log"
    dataset = "/".join(path.removeprefix("datasets/").split("/")[:2])
    command = _FETCH[scheme].format(
        uri=shell_word(f"{scheme}://{path}"), file=shell_word(file), dataset=shell_word(dataset)
    )
    return f"Copy it to a local disk first: {command}"


def refuse_tables(found: Iterable[Path]) -> None:
    """Raise DataError if a path is a table of Delta Lake, Iceberg or Hudi, or lies in one."""
    seen = set[Path]()
    for path in found:
        for directory in (path, *path.absolute().parents, *path.resolve().parents):
            if directory in seen:
                continue
            seen.add(directory)
            if (kind := _table_kind(directory)) is not None:
                raise _refused(str(_shown(directory)), kind, str(path))


def refuse_remote_tables(uris: Iterable[str]) -> None:
    """Raise DataError if a file on object storage lies in a table of Delta Lake, Iceberg or Hudi."""
    seen = set[str]()
    for uri in uris:
        scheme, _, path = uri.partition("://")
        parts = path.split("/")[:-1]
        for depth in range(len(parts), 0, -1):
            prefix = f"{scheme}://{'/'.join(parts[:depth])}"
            if prefix in seen:
                break
            if "=" in parts[depth - 1]:
                continue  # a partition directory; the table's own directory lies above
            seen.add(prefix)
            if (kind := _remote_kind(prefix)) is not None:
                raise _refused(prefix, kind, uri)


def _remote_kind(prefix: str) -> str | None:
    for directory, kind in (("_delta_log", _DELTA), (".hoodie", _HUDI)):
        if files_below(f"{prefix}/{directory}"):
            return kind
    metadata = files_below(f"{prefix}/metadata")
    return _ICEBERG if any("/" not in name and name.endswith(".metadata.json") for name in metadata) else None


def _table_kind(directory: Path) -> str | None:
    with contextlib.suppress(OSError):
        if (directory / "_delta_log").is_dir():
            return _DELTA
        if (directory / ".hoodie").is_dir():
            return _HUDI
        if any((directory / "metadata").glob("*.metadata.json")):
            return _ICEBERG
    return None


def _shown(directory: Path) -> Path:
    """Return a directory relative to the current one if it lies below that."""
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def _refused(table: str, kind: str, given: str) -> DataError:
    of = "" if table == given else f"{given} is part of {table}, which is "
    return DataError(
        f"{of or f'{table} is '}a table of {kind}; its directory also contains data files that are no longer part of "
        "the table",
        tip=_table_tip(table, kind),
    )


def _table_tip(table: str, kind: str) -> str:
    if "://" in table or kind not in _EXTRAS:
        where = " on object storage" if kind in _EXTRAS else ""
        return (
            f"{kind} tables{where} are not supported: export the current rows to Parquet first, with the engine that "
            "wrote the table."
        )
    source = f"genpas ingest {shell_word(table)} -o STORE"
    if is_readable(_EXTRAS[kind]):
        return f"Name the table itself: {source}"
    return f"To read the table itself, install an extra: pip install 'genpas[{_EXTRAS[kind]}]', then: {source}"
