"""The options for reading, cleaning, numbering and splitting logs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from genpas_cli.histories.names import Dedup
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import Options, option
from genpas_cli.store.splits import Evaluated

Ties = Literal["file", "item", "hash", "error"]
UnknownItems = Literal["add", "drop", "error"]
DecimalIds = Literal["error", "integer", "text"]

NULL_VALUES = r"NA,N/A,NaN,nan,NULL,null,None,\N,<NA>,#N/A"
"""Texts that pandas, R, Spark, Hive and databases write for a missing value."""

READING = "Reading logs"
CLEANING = "Cleaning"
NUMBERING = "Numbering"
SPLIT = "Order and split"


@dataclass(frozen=True, kw_only=True)
class ReadingOptions(Options):
    """How files are read, and the roles of their columns."""

    user: str | None = option(
        None, "Column of user ids: a name, or a position from 1.", metavar="COLUMN", panel=READING
    )
    item: str | None = option(
        None, "Column of item ids: a name, or a position from 1.", metavar="COLUMN", panel=READING
    )
    time: str | None = option(
        None,
        "Column of timestamps; without it, the order of the rows in the file is used.",
        metavar="COLUMN",
        panel=READING,
    )
    rating: str | None = option(None, "Column of ratings, for --min-rating.", metavar="COLUMN", panel=READING)
    keep: tuple[str, ...] = option(
        (), "Keep another column of the log with each interaction (repeatable).", metavar="COLUMN", panel=READING
    )
    format: LogFormat | None = option(
        None, "Format of the files; by default detected from name and content.", panel=READING
    )
    delimiter: str | None = option(
        None, r"Delimiter of text files, such as ',' or '\t' or '::'.", metavar="TEXT", panel=READING
    )
    header: bool | None = option(
        None, "Whether text files have a header line; by default detected from the content.", panel=READING
    )
    quote: str | None = option(None, "Quote character of text files ('' for none).", metavar="CHAR", panel=READING)
    text_encoding: str = option(
        "utf-8", "Encoding of text files, such as latin-1.", flags=("--text-encoding", "--encoding"), metavar="NAME",
        panel=READING,
    )  # fmt: skip
    list_delimiter: str | None = option(
        None,
        "If the column of --item has lists that are written as strings: delimiter between their elements, for example "
        "','. Give '' if a whole string such as '[1, 2]' is one id.",
        metavar="TEXT",
        panel=READING,
    )
    time_format: str | None = option(
        None, "strptime format of the timestamps, such as '%d/%m/%Y %H:%M'.", metavar="FORMAT", panel=READING
    )
    null_values: str = option(
        NULL_VALUES,
        "Texts that mean a missing value, separated by commas; an empty cell is always missing.",
        metavar="LIST",
        panel=READING,
    )
    decimal_ids: DecimalIds = option(
        "error",
        "If an id occurs both as 1 and as 1.0: stop (error), read 1.0 as 1 (integer), or keep two different ids "
        "(text).",
        panel=READING,
    )
    allow_duplicate_files: bool = option(
        False, "Allow several files with the same content; by default this is an error.", panel=READING
    )
    hive: bool = option(
        True,
        "Read columns from the directory names of a hive-partitioned log (day=2024-01-01/...).",
        flags=("--hive/--no-hive",),
        panel=READING,
    )
    bad_rows: Literal["error", "skip"] = option(
        "error",
        "Malformed rows: stop at the first one (error), or count them and list them in OUTPUT.rejects.csv (skip).",
        panel=READING,
    )


@dataclass(frozen=True, kw_only=True)
class CleaningOptions(Options):
    """Which rows are dropped before the split."""

    where: str | None = option(
        None,
        "Keep only rows for which this SQL expression over the log's columns is true.",
        metavar="SQL",
        panel=CLEANING,
    )
    min_rating: float | None = option(None, "Keep only rows with at least this rating.", panel=CLEANING)
    dedup: Dedup = option(
        "none",
        "Drop repeated rows. exact: rows equal in every column; consecutive: a row with the same item as the "
        "user's previous row; user-item: all but the first row of a user with the same item.",
        panel=CLEANING,
    )
    min_user: int = option(
        0,
        "Keep users with at least N interactions; with --min-item, both filters are repeated until both hold (k-core).",
        metavar="N",
        panel=CLEANING,
    )
    min_item: int = option(0, "Keep items with at least N interactions.", metavar="N", panel=CLEANING)
    session_gap: str | None = option(
        None,
        "Split a user's history into sessions at every pause longer than DURATION, such as 30m; each session becomes "
        "one sequence.",
        metavar="DURATION",
        panel=CLEANING,
    )


@dataclass(frozen=True, kw_only=True)
class NumberingOptions(Options):
    """Sources of the dense numbers of users and items."""

    items: str | None = option(
        None,
        "Reuse the item numbers of an earlier run, from its items.parquet or its store.",
        metavar="FILE",
        panel=NUMBERING,
    )
    users: str | None = option(
        None,
        "Reuse the user numbers of an earlier run, from its users.parquet or its store.",
        metavar="FILE",
        panel=NUMBERING,
    )
    unknown_items: UnknownItems = option(
        "add",
        "Items that are not in the file of --items: give them new numbers (add), drop their rows (drop), or stop "
        "(error).",
        panel=NUMBERING,
    )


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Options):
    """The order of a user's interactions, and which of them are held out."""

    ties: Ties = option(
        "file",
        "Order of a user's interactions that share a timestamp: order in the file (file), by item id (item), by a "
        "hash (hash), or stop (error).",
        panel=SPLIT,
    )
    split: str = option(
        "leave-one-out",
        "Which interactions are held out: leave-one-out (of each user, the last one for test, the one before it for "
        "validation), leave-n-out:N (N instead of one), time:VALID,TEST (the moments at which validation and test "
        "begin, or quantiles such as time:0.8,0.9), time:TEST (the moment at which test begins; of each user, the last "
        "interaction before it is held out for validation), users:SHARE (this share of the users is held out for test, "
        "the same share for validation, and none of their interactions are in training), or none.",
        metavar="RULE",
        panel=SPLIT,
    )
    eval: Evaluated | None = option(
        None,
        "The first, the last, one random or all held-out interactions of each user and split are targets; by default "
        "the last for --split users:SHARE, else all. The first interaction of a user is never a target.",
        panel=SPLIT,
    )
    split_seed: int = option(
        0,
        "Seed of --eval random and --split users:SHARE. The choice depends on the seed and the id of the user alone.",
        metavar="INTEGER",
        panel=SPLIT,
    )
    drop_cold: bool = option(
        False,
        "Leave out held-out targets whose item never occurs in training. They remain in the inputs of later targets.",
        panel=SPLIT,
    )

    def __post_init__(self) -> None:
        """Check every value, and replace `eval=None` by the default of the split."""
        super().__post_init__()
        if self.eval is None:
            object.__setattr__(self, "eval", "last" if self.split.startswith("users:") else "all")

    @property
    def evaluated(self) -> Evaluated:
        """Which held-out interactions are targets."""
        assert self.eval is not None, "set on creation"
        return self.eval


@dataclass(frozen=True, kw_only=True)
class PassOptions(CleaningOptions, SplitOptions):
    """The options that the passes over the staged rows use."""


@dataclass(frozen=True, kw_only=True)
class IngestOptions(ReadingOptions, PassOptions, NumberingOptions, MachineOptions):
    """All options of `ingest`."""


def names_for_logs() -> set[str]:
    """Return the names of the options that have no effect on a store, whose log has been read and cleaned."""
    names = ({field.name for field in fields(kind)} for kind in (IngestOptions, MachineOptions))
    return set.difference(*names) - {"keep"}
