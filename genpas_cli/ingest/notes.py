"""Notes on how a log was read, ordered and split: choices that may surprise."""

from __future__ import annotations

from genpas_cli.histories.log_figures import LogFigures
from genpas_cli.histories.split import parse_split
from genpas_cli.ingest.options import IngestOptions, Ties
from genpas_cli.ingest.staging.staged import Staged
from genpas_cli.runtime.text.wording import counted, percent
from genpas_cli.store.records import TieShares

_FILES_SHOWN = 5
_NOTABLE_TIES = 0.05
_TIES_DECIDED = {
    "file": "the order in the log",
    "item": "the order of item ids",
    "hash": "a hash of the ids",
}
"""Rule of `--ties` → what decided which of two interactions with the same timestamp was held out."""


def notes_of(staged: Staged, figures: LogFigures, options: IngestOptions) -> list[str]:
    """Return the notes on a log: those of `staged`, and those on the order and the split of its rows."""
    notes = list(staged.notes)
    held_out = not figures.nothing_held_out()
    split = parse_split(options.split)
    if not held_out and split.kind == "leave-out":
        notes.append("no interactions are held out: --split leave-one-out needs users with three or more interactions")
    if held_out and options.split.startswith("time:") and not figures.split_counts()["test"]:
        notes.append(f"the test split is empty: no interaction is at or after the last time of --split {options.split}")
    if options.drop_cold:
        cold = figures.cold()
        notes.append(
            f"--drop-cold left out {counted(cold['validation'], 'validation target')} and "
            f"{counted(cold['test'], 'test target')}, because their items never occur in training"
        )
    if options.split_seed and options.eval != "random" and split.kind != "users":
        notes.append("--split-seed has no effect without --eval random or --split users:SHARE")
    if int(figures.by_user[0].max(initial=0)) == 1:
        notes.append(
            "every user has one interaction, so no pairs can be made: check whether --user names the right column"
        )
    if options.rating is not None and options.min_rating is None:
        notes.append("--rating has no effect without --min-rating; --keep COLUMN keeps the ratings in the store")
    names = ", ".join(file.name for file in staged.files[:_FILES_SHOWN])
    names += ", ..." if len(staged.files) > _FILES_SHOWN else ""
    if held_out and len(staged.files) > 1 and staged.time_type is None:
        notes.append(
            f"the log has no timestamps, so the order of the files decides which interactions are held out: {names}"
        )
    elif figures.rows.ties.either and staged.overlapping and options.ties == "file":
        notes.append(f"interactions that share a timestamp but come from different files are ordered by file: {names}")
    whose = "users" if options.session_gap is None else "sessions"
    return notes + tie_notes(figures.rows.ties.shares(), options.ties, whose)


def tie_notes(ties: TieShares, rule: Ties, whose: str) -> list[str]:
    """Return the note that timestamps do not decide what is held out; no note if that is so for few users.

    Args:
        ties: the shares of users whose interactions around the split have the same timestamp.
        rule: the rule for equal timestamps.
        whose: whose sequences were split, in the plural: users or sessions.
    """
    if ties["tied_either"] <= _NOTABLE_TIES:
        return []
    note = (
        f"for {percent(ties['tied_either'])} of {whose}, a held-out interaction has the same timestamp as the one "
        f"before it, and {_TIES_DECIDED[rule]} decided which of the two comes first (--ties={rule})"
    )
    return [note]
