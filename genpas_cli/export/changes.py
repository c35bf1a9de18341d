"""Chooses the changes of pairs that the options of `export` ask for: ids, item columns, semantic ids, padding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from genpas_cli.export.column_names import named_columns
from genpas_cli.export.formats.format import Format
from genpas_cli.export.item_data import SID, ItemData, Wanted, columns_beside, item_data, with_titles
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.source import PairReader
from genpas_cli.pairs.changes.ids import Numbers, RawIds
from genpas_cli.pairs.changes.item_columns import ItemColumns
from genpas_cli.pairs.changes.known_items import KnownItems
from genpas_cli.pairs.changes.layout import Change, PairLayout
from genpas_cli.pairs.changes.padding import Padded
from genpas_cli.pairs.changes.semantic_ids import SemanticIds
from genpas_cli.pairs.changes.shortening import Shortened
from genpas_cli.pairs.vocabulary import Vocabulary
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import Machine

_ENDS = ("input_", "target_")


@dataclass(frozen=True)
class Changes:
    """The changes of an export, in order."""

    all: tuple[Change, ...]
    items: ItemData
    semantic: SemanticIds | None = None
    """The change that makes tokens of semantic ids."""

    def layout(self, before: PairLayout) -> PairLayout:
        """Return the layout of the changed pairs."""
        return self.all[-1].layout if self.all else before


def changes_for(
    reader: PairReader, options: ExportOptions, kind: type[Format], machine: Machine, scratch: Path
) -> Changes:
    """Return the changes that the options and the format ask for.

    Raises:
        UsageError, DataError: a change is impossible for these pairs.
    """
    has, wanted = _ids(reader, options, kind)
    data, users = _data(reader, options, kind, machine, scratch)
    chain = _Chain(reader.layout)
    if has == "raw" and (wanted == "num" or data.codes is not None or data.info is not None):
        chain.add(Numbers(chain.layout, data.ids, _whole(users) if wanted == "num" else None))
    if data.codes is not None and not data.codes.are_complete:
        chain.add(KnownItems(chain.layout, data.codes.known))
    if (most := options.max_input or kind.max_input) is not None:
        chain.add(Shortened(chain.layout, most))
    if columns := data.columns(with_sid=kind.codes_as == "text" or SID in _named(options)):
        chain.add(ItemColumns(chain.layout, columns))
    semantic = None
    if data.codes is not None and kind.codes_as == "tokens":
        semantic = _tokens(chain.layout, data, options)
        chain.add(semantic)
    if wanted == "raw" and chain.layout.largest is not None:
        raw_users = _whole(users) if chain.layout.user == "user_num" else None
        if semantic is None or raw_users is not None:
            chain.add(RawIds(chain.layout, None if semantic else data.ids, raw_users))
    if options.pad != "none":
        chain.add(Padded(chain.layout, options.pad))
    return Changes(tuple(chain.changes), data, semantic)


def _whole(ids: Vocabulary | None) -> pa.Array | None:
    return None if ids is None else ids.whole()


def _ids(reader: PairReader, options: ExportOptions, kind: type[Format]) -> tuple[str, str]:
    """Return what the pairs contain, and what is written: numbers (`num`) or ids (`raw`)."""
    has = "num" if reader.layout.largest is not None else "raw"
    return has, options.ids or kind.default_ids or has


def _data(
    reader: PairReader, options: ExportOptions, kind: type[Format], machine: Machine, scratch: Path
) -> tuple[ItemData, Vocabulary | None]:
    """Return what is known about the items, and the ids of the users if they are needed and known."""
    has, ids = _ids(reader, options, kind)
    writes_titles = kind.writes_titles(options, partial(columns_beside, reader, options))
    if not writes_titles:
        _refuse_titles(options)
    of_items = [name for name in kind.item_columns(options) if name not in reader.layout.kept]
    wanted = Wanted(
        columns=list(dict.fromkeys([*([options.title] if writes_titles else []), *of_items])),
        named=[name for name in _named(options) if name not in reader.layout.kept],
        everything=kind.writes_information,
        ids=ids != has or kind.needs_item_ids or writes_titles or bool(of_items),
        sid_format=kind.sid_format if options.sid_format is None else options.sid_format,
    )
    data, users = item_data(reader, options, wanted, machine, scratch)
    if kind.needs_codes and data.codes is None:
        raise UsageError(
            f"--to {options.to} writes the codes of items, but --semantic-ids is missing",
            tip="Make codes with genpas semantic-ids, and name their file: --semantic-ids codes.parquet",
        )
    return (with_titles(data, options) if writes_titles else data), users


def _refuse_titles(options: ExportOptions) -> None:
    """Raise UsageError for an option about titles, where none are written."""
    given = {"--title": options.title != ExportOptions.title, "--missing-titles": options.missing_titles != "error"}
    if flag := next((flag for flag, is_given in given.items() if is_given), None):
        raise UsageError(
            f"{flag} cannot be used here: with these options, --to {options.to} writes no titles", tip=f"Remove {flag}."
        )


class _Chain:
    """Changes, each of the layout that the one before it gives."""

    def __init__(self, layout: PairLayout) -> None:
        self.layout, self.changes = layout, list[Change]()

    def add(self, change: Change) -> None:
        self.changes.append(change)
        self.layout = change.layout


def _tokens(layout: PairLayout, data: ItemData, options: ExportOptions) -> SemanticIds:
    assert data.codes is not None
    if options.user_tokens and layout.user != "user_num":
        raise UsageError(
            "--user-tokens needs user numbers, but these pairs contain ids of users",
            tip="Remove --ids raw from genpas augment, or give a pairs directory.",
        )
    return SemanticIds(
        layout, data.codes, separator=options.separator, end=options.end_token, users=options.user_tokens
    )


def _named(options: ExportOptions) -> list[str]:
    """Return the names of columns of items or of the log in `--columns`, without `input_` and `target_`."""
    given = named_columns(options) or ()
    return list(dict.fromkeys(name.removeprefix(end) for end in _ENDS for name in given if name.startswith(end)))
