"""Opens the store of an export, and refuses options that only exports of pairs have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict

from genpas_cli.export.options import ExportOptions
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.pairs.manifest_keys import IngestRecord
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import Machine, MachineOptions
from genpas_cli.runtime.options import flag_of
from genpas_cli.store.access import open_store, store_memory
from genpas_cli.store.records import SourceFile, SplitRecord
from genpas_cli.store.store import Store


class StoreKeys(TypedDict):
    """The store that a split was exported from."""

    source: list[SourceFile]
    """Files that the store was made from, by name."""
    ingest: IngestRecord
    content_sha256: str | None
    """Digest of the content of the store."""
    users: int
    items: int
    split: SplitRecord


_ALWAYS = frozenset({"to", *(each.name for each in fields(MachineOptions))})
_OF_ITEM_INFO = ("item_info_id", "title", "missing_titles")
"""Options that say how the file of `--item-info` is used."""


def check_store_options(source: str | Path, options: ExportOptions, used: frozenset[str]) -> None:
    """Raise UsageError for a source that is no store, and for options that have no effect on a format of stores.

    Args:
        source: what is exported.
        options: the options.
        used: names of the options that the format uses.
    """
    if str(source) == "-" or is_pairs_directory(Path(source)):
        what = "an Arrow stream of pairs" if str(source) == "-" else f"{source}, which is a pairs directory"
        raise UsageError(
            f"--to {options.to} exports the interactions of a store, and cannot be used with {what}",
            tip="Make a store of the log, and export it: genpas ingest LOGS -o STORE && genpas export STORE --to "
            f"{options.to} -o DIR",
        )
    usual = ExportOptions()
    given = [each.name for each in fields(options) if getattr(options, each.name) != getattr(usual, each.name)]
    if unused := next((each for each in given if each not in used | _ALWAYS), None):
        raise UsageError(
            f"{flag_of(unused)} cannot be used with --to {options.to}, which exports interactions and not pairs",
            tip=f"Remove {flag_of(unused)}.",
        )
    # A store has no information about items, unlike pairs.
    if options.item_info is None and (alone := next((each for each in given if each in _OF_ITEM_INFO), None)):
        raise UsageError(f"{flag_of(alone)} can only be used with --item-info FILE")


@contextmanager
def opened_store(source: str | Path, machine: Machine, scratch: Path) -> Iterator[Store]:
    """Yield the open store of an export.

    Raises:
        DataError: it cannot be opened.
    """
    with open_store(Path(source), machine, scratch, memory=store_memory(machine.memory)) as store:
        yield store


def store_keys(store: Store) -> dict[str, Any]:
    """Return what `export.json` records of a store, the keys of `StoreKeys`."""
    return {
        "source": sorted(store.rows("sources"), key=lambda source: str(source["name"])),
        "ingest": {"options": store.meta["options"], "funnel": store.rows("funnel")},
        "content_sha256": store.content_digest, "users": store.users, "items": store.items,
        "split": store.meta["split"],
    }  # fmt: skip
