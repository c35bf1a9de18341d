"""Chooses the changes of pairs that the options of `export` ask for: ids, semantic ids, padding."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from genpas_cli.export.options import ExportOptions
from genpas_cli.export.source import DirectoryReader, PairReader, read_vocabulary
from genpas_cli.pairs.changes.ids import Numbers, RawIds
from genpas_cli.pairs.changes.layout import Change
from genpas_cli.pairs.changes.padding import Padded
from genpas_cli.pairs.changes.semantic_ids import Codes, SemanticIds, read_codes
from genpas_cli.runtime.errors import UsageError


def changes_for(reader: PairReader, options: ExportOptions) -> tuple[tuple[Change, ...], SemanticIds | None]:
    """Return the changes in order, and the one of them that makes semantic ids, else None.

    Raises:
        UsageError, DataError: a change is impossible for these pairs.
    """
    layout, changes, semantic = reader.layout, list[Change](), None
    has = "num" if layout.largest is not None else "raw"
    wanted = options.ids or has
    codes = None if options.semantic_ids is None else read_codes(Path(options.semantic_ids))

    def add(change: Change) -> None:
        nonlocal layout
        changes.append(change)
        layout = change.layout

    items, users = _vocabularies(reader, options, needs=wanted != has or codes is not None, codes=codes)
    if has == "raw" and (wanted == "num" or codes is not None):
        add(Numbers(layout, items, users if wanted == "num" else None))
    if codes is not None:
        semantic = SemanticIds(
            layout, items, codes, missing=options.missing_codes, colliding=options.colliding_codes,
            separator=options.separator, end=options.end_token,
        )  # fmt: skip
        add(semantic)
    if wanted == "raw" and layout.largest is not None:
        add(RawIds(layout, None if semantic else items, users if layout.user == "user_num" else None))
    if options.pad != "none":
        add(Padded(layout, options.pad))
    return tuple(changes), semantic


def _vocabularies(
    reader: PairReader, options: ExportOptions, *, needs: bool, codes: Codes | None
) -> tuple[pa.Array | None, pa.Array | None]:
    """Return the ids of items and users by number, or None; raise UsageError if item ids are needed but not known."""
    if not needs:
        return None, None
    if isinstance(reader, DirectoryReader):
        items, users = reader.vocabulary("items"), reader.vocabulary("users")
        if items is None:
            raise UsageError("the pairs directory has no items.parquet, so the ids of the items are unknown")
        return items, users
    if options.vocab is None:
        if codes is not None and reader.layout.largest is None:
            return codes.ids, None
        raise UsageError(
            "a stream does not contain a vocabulary",
            tip="Name a pairs directory of the same log (--vocab DIR), or write ids to the stream: genpas augment "
            "... -o - --ids raw",
        )
    items, users = (read_vocabulary(Path(options.vocab), table) for table in ("items", "users"))
    if items is None:
        raise UsageError(
            f"--vocab {options.vocab}: the directory has no items.parquet",
            tip="Name a pairs directory of the same log.",
        )
    if reader.layout.largest is not None and len(items) != reader.layout.largest:
        raise UsageError(
            f"--vocab {options.vocab} has {len(items):,} items, but the stream has {reader.layout.largest:,}: they "
            "are from different logs"
        )
    return items, users
