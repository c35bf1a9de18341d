"""`ingest`: logs → a store. Read, clean, order, number, split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.histories.history import Mask
from genpas_cli.histories.log_figures import LogFigures
from genpas_cli.histories.split import SplitRule
from genpas_cli.histories.split_checks import check_last, check_not_all_cold, check_users
from genpas_cli.ingest.checks import check_ingest_options, check_kept_names, less_cleaning
from genpas_cli.ingest.estimates import spilled_bytes, store_bytes, store_bytes_in_memory
from genpas_cli.ingest.keywords import IngestKeywords
from genpas_cli.ingest.notes import notes_of
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.ingest.passes import numbering
from genpas_cli.ingest.passes.appending import Earlier, earlier_store, same_numbers
from genpas_cli.ingest.passes.log_passes import Cleaned, LogPasses, possible_split, repeats
from genpas_cli.ingest.report import IngestReport
from genpas_cli.ingest.staging.like_ids import check_decimals, differing_in_blanks
from genpas_cli.ingest.staging.rejects_file import check_rejects, discard_rejects, publish_rejects
from genpas_cli.ingest.staging.staged import FileReport, FunnelStep, Staged, relative_names
from genpas_cli.ingest.staging.staging import stage
from genpas_cli.pairs.manifest import library_versions
from genpas_cli.runtime.atomic_output import building, refuse_existing
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import check_disk, lasting_options, resolve, scratch_directory
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.sql.database import Database, connect
from genpas_cli.store import writing
from genpas_cli.store.access import attached, check_is_store, store_memory
from genpas_cli.store.records import Lengths, SplitCounts
from genpas_cli.store.schema import check_store_name, foreign_in_store
from genpas_cli.store.store import Store

_ID_BYTES, _CHOICE_BYTES = 44, 16
"""Bytes per user or item in arrays outside the database: numbers and sequence lengths; keys and numbers of targets if
users or targets are chosen at random, or cold targets are left out."""

_NOTHING_LEFT = {
    "bad rows": "No row could be read. Run without --bad-rows skip to see the first bad row and the reason.",
    "missing user or item id": "Every row has an empty user or item: name other columns with --user and --item.",
    "unknown items": "None of the items of the log is in the file of --items: use a file of the same log, or add "
    "--unknown-items add.",
}
"""Step that dropped the last row → tip; for any other step the tip is to loosen the cleaning options."""


@checked
def ingest(  # noqa: PLR0913  # all but three by keyword
    sources: Sources, output: str | Path, options: IngestOptions | None = None, *,
    append: bool = False, force: bool = False, rejects: str | Path | None = None, progress: Progress = silent,
    **_: Unpack[IngestKeywords],
) -> IngestReport:  # fmt: skip
    """Read interaction logs into a store.

    Args:
        sources: files, globs, directories, or "-" for standard input; or a table in memory (pandas, Polars, PyArrow,
            DuckDB: anything with `__arrow_c_stream__`).
        output: the store file to write.
        options: see `IngestOptions`; the defaults detect format and columns, and hold out each user's last two
            interactions.
        append: add the logs as new interactions to the existing store `output`. Existing numbers stay and new ids are
            numbered after them; the store's own cleaning and split apply, and held-out interactions are chosen again.
        force: overwrite an existing store and its file of bad rows.
        rejects: file for the bad rows with `bad_rows="skip"`, if there are any; default `<output>.rejects.csv`. With
            `append`, the rows are added to those of the store's earlier logs.
        progress: called with the name of each step.

    Returns:
        What the store holds.

    Raises:
        UsageError: an option is invalid, or the output exists.
        DataError: the logs cannot be used; the message says where and why.
        MachineError: not enough disk space or memory, or no permission.
    """
    options = options or IngestOptions()
    arguments = source_names(sources)
    check_ingest_options(options)
    path, machine = Path(output), resolve(options)
    if append and force:
        raise UsageError(
            "--append and --force cannot be combined: --append adds to the store, --force replaces it",
            tip="Use one of the two options.",
        )
    if append:
        check_is_store(path)
    replace_it = force or append
    refuse_existing(path, force=replace_it, foreign=foreign_in_store)
    if not append:
        check_store_name(path)
    beside = path.with_name(f"{path.name}.rejects.csv")
    rejected = Path(rejects) if rejects is not None else beside
    if options.bad_rows == "skip":
        check_rejects(rejected, replace=replace_it)
    with (
        scratch_directory(machine.temp_dir) as scratch,
        building(path, force=replace_it, foreign=foreign_in_store) as new,
        connect(machine, scratch) as database,
        earlier_store(database, path) if append else nullcontext() as earlier,
    ):
        bad_rows = scratch / "rejects.csv"
        had_bad_rows = earlier is not None and earlier.has_bad_rows
        if earlier is not None:
            options = earlier.options(options)
            # Without this check, the digest of the new store would certify content changed in the old one.
            earlier.store.check_content()
        report = _Ingest(database, options, progress, earlier).run(arguments, scratch, bad_rows, new)
        writing.close(database.con)
        report = _with_rejects(report, bad_rows, rejected, extend=had_bad_rows)
    if replace_it and not had_bad_rows:
        for stale in {beside, *([rejected] if options.bad_rows == "skip" else [])} - {Path(report.rejects or "")}:
            discard_rejects(stale)
    return replace(report, store=str(path))


@contextmanager
def ingested(
    sources: list[str], options: IngestOptions, scratch: Path, *, rejects: Path | None, force: bool, progress: Progress
) -> Iterator[tuple[Store, IngestReport]]:  # fmt: skip
    """Read logs into a temporary store, and yield it open, with its report.

    The store is in memory if it fits into half of what DuckDB gets for reading it; else it is a file in `scratch`. It
    is never closed and opened again, which would take longer than making the pairs of a small log.

    Args:
        sources: as for `ingest`, as a list.
        options: as for `ingest`, checked by `check_ingest_options`.
        scratch: directory for temporary files.
        rejects: file for bad rows; None to discard them.
        force: overwrite an existing file of bad rows.
        progress: called with the name of each step.

    Raises:
        UsageError, DataError, MachineError: see `ingest`.
    """
    if options.bad_rows == "skip" and rejects is not None:
        check_rejects(rejects, replace=force)
    machine, bad_rows = resolve(options), scratch / "rejects.csv"
    with connect(machine, scratch) as database:
        run = _Ingest(database, options, progress, None, for_reading=store_memory(machine.memory))
        report = run.run(sources, scratch, bad_rows, None)
        database.con.execute("detach stage")
        database.limit(store_memory(machine.memory))
        yield attached(database, scratch / "log.store", "store"), _with_rejects(report, bad_rows, rejects)


def _with_rejects(
    report: IngestReport, bad_rows: Path, rejects: Path | None, *, extend: bool = False
) -> IngestReport:  # fmt: skip
    """Move the file of bad rows, if there is one, to its place; return the report with its path."""
    if rejects is None or not publish_rejects(bad_rows, rejects, extend=extend):
        return report
    return replace(report, rejects=str(rejects))


class _Ingest:
    """One run of `ingest`, step by step.

    Args:
        database: the connection.
        options: see `ingest`.
        progress: called with the name of each step.
        earlier: the store that the logs are appended to.
        for_reading: bytes that DuckDB gets for reading a temporary store.
    """

    def __init__(
        self, database: Database, options: IngestOptions, progress: Progress, earlier: Earlier | None, *,
        for_reading: int = 0,
    ) -> None:  # fmt: skip
        self._for_reading = for_reading
        self.database, self.options, self.progress, self.earlier = database, options, progress, earlier
        self.con = database.con
        self.funnel: list[FunnelStep] = [] if earlier is None else earlier.funnel()

    def run(self, sources: list[str], scratch: Path, rejects: Path, new: Path | None) -> IngestReport:
        """Make the store, attached as `store`: the file `new`, or a temporary one."""
        known = {kind: self._known(kind) for kind in numbering.KINDS}
        if known["item"] is None and (choice := self.options.unknown_items) != "add":
            raise UsageError(
                f"--unknown-items {choice} can only be used with --items, which says which items are known",
                tip=f"Remove --unknown-items {choice}.",
            )
        staged = stage(
            self.con, sources, self.options, scratch=scratch, rejects=rejects, memory=self.database.memory,
            progress=self.progress, earlier=None if self.earlier is None else self.earlier.log(),
        )  # fmt: skip
        check_kept_names(staged.kept)  # the log's own names; options may give a position instead
        before = 0 if self.earlier is None else self.earlier.rows
        self.funnel += [FunnelStep(step.step, step.dropped, step.kept + before) for step in staged.funnel]
        self._unknown_items(known["item"])
        if self.funnel[-1].kept == before:
            raise self._nothing_left()
        self.progress("numbering users and items")
        ids = sum(
            numbering.create_numbers(self.con, kind, numbering.staged_ids(kind), known[kind])
            for kind in numbering.KINDS
        )
        if self.options.decimal_ids != "text":
            # With `integer` too: a store that is appended to may hold the id 1.0 where the new log has 1.
            for kind in numbering.KINDS:
                check_decimals(self.con, kind, known[kind], staged)
        in_blanks = [note for kind in numbering.KINDS if (note := differing_in_blanks(self.con, kind))]
        staged = replace(staged, notes=(*staged.notes, *in_blanks))
        chooses = self.options.eval == "random" or self.options.drop_cold or self.options.split.startswith("users:")
        self.database.leave(ids * (_ID_BYTES + (_CHOICE_BYTES if chooses else 0)))
        if new is None:
            new = self._temporary(scratch, self.funnel[-1].kept, len(staged.kept), ids)
        self._check_room(scratch, new, self.funnel[-1].kept - before, before, len(staged.kept))
        joined = None if self.earlier is None else self.earlier.joined_with(
            self.database, staged, known, allow_duplicates=self.options.allow_duplicate_files
        )  # fmt: skip
        staged = staged if joined is None else joined.staged
        passes = LogPasses(self.database, self.options, staged, known["user"], self.progress, joined)
        cleaned = passes.clean(self.funnel[-1].kept)
        self.funnel += cleaned.steps
        if (left := self.funnel[-1].kept) == 0:
            raise self._nothing_left()
        writing.attach_new(self.con, new)
        alive: dict[numbering.Kind, Mask | None] = {"user": cleaned.log.users, "item": cleaned.log.items}
        users, items = joined.numbers if joined else (
            numbering.final_numbers(self.con, kind, alive[kind], known[kind]) for kind in numbering.KINDS
        )  # fmt: skip
        carried = (same_numbers(users), same_numbers(items)) if joined else (users, items)
        digest, figures = passes.write(cleaned, *carried, left)
        if cleaned.log.dedup != "none":
            self.funnel += repeats(self.options, left, figures.rows.rows)
        if figures.rows.rows == 0:
            raise self._nothing_left()
        self._check_split(cleaned, figures, carried[0], staged.time_type)
        self.progress("writing the vocabularies")
        writing.write_items(self.con, numbering.vocabulary_query(self.con, "item", items, known["item"]))
        lengths = figures.lengths()
        writing.write_users(self.con, numbering.vocabulary_query(self.con, "user", users, known["user"]), lengths)
        report = self._report(figures, lengths.column("length").to_numpy(), items.count, staged)
        report = replace(report, session_users=cleaned.session_users)
        writing.write_provenance(self.con, self._sources(staged), self.funnel)
        writing.finish(self.con, self._meta(report, staged, cleaned.rule), digest)
        return report

    def _temporary(self, scratch: Path, rows: int, kept: int, ids: int) -> Path | None:
        """Return the place of a temporary store: a file, or None for memory, which is then reserved."""
        size = store_bytes_in_memory(rows, kept, ids)
        if 2 * size > min(self._for_reading, self.database.free()):
            return scratch / "log.store"
        self.database.reserve(size)
        return None

    def _check_room(self, scratch: Path, new: Path | None, rows: int, before: int, kept: int) -> None:
        """Raise MachineError if the sort of the new rows or the store would not fit on the disk."""
        check_disk(
            scratch.parent, spilled_bytes(rows, kept, self.database.free()), what=f"the sort of {rows:,} interactions",
            tip="Choose another disk with --temp-dir, or increase --memory-limit.",
        )  # fmt: skip
        if new is None:
            return
        check_disk(
            new, store_bytes(before + rows, kept), what="the store",
            tip="Choose another disk with -o, or with --temp-dir for a temporary store.",
        )  # fmt: skip

    def _sources(self, staged: Staged) -> list[FileReport]:
        return ([] if self.earlier is None else self.earlier.sources) + relative_names(staged.files)

    def _known(self, kind: numbering.Kind) -> pa.Table | None:
        if self.earlier is not None:
            return self.earlier.known(kind)
        path = self.options.items if kind == "item" else self.options.users
        return None if path is None else numbering.read_known(path, kind)

    def _unknown_items(self, known: pa.Table | None) -> None:
        if known is None or self.options.unknown_items == "add":
            return
        if self.options.unknown_items == "error":
            whose = self.options.items if self.earlier is None else self.earlier.store.path
            numbering.check_unknown(self.con, known, str(whose))
        else:
            dropped = numbering.drop_unknown(self.con, known)
            self.funnel.append(FunnelStep("unknown items", dropped, self.funnel[-1].kept - dropped))

    def _nothing_left(self) -> DataError:
        had, before = (0, 0) if self.earlier is None else (self.earlier.steps, self.earlier.rows)
        steps = [(s.step, s.dropped, s.kept - before) for s in self.funnel[had:]]
        dropping = [step for step in steps if step[1]] or steps
        told = "; ".join(f"'{step}' dropped {dropped:,} of {dropped + kept:,}" for step, dropped, kept in dropping)
        last = next((step for step, _, kept in steps if kept == 0), "")
        tip = _NOTHING_LEFT.get(last) or less_cleaning(self.options)
        return DataError(f"no {'new ' if self.earlier else ''}interactions are left: {told}", tip=tip)

    def _report(self, figures: LogFigures, of_users: NDArray[np.int32], items: int, staged: Staged) -> IngestReport:
        lengths = of_users[of_users > 0]
        low, median, p99, high = np.quantile(lengths, [0, 0.5, 0.99, 1])
        length: Lengths = {
            "min": int(low),
            "median": float(median),
            "mean": float(lengths.mean()),
            "p99": float(p99),
            "max": int(high),
        }
        return IngestReport(
            users=len(of_users), items=items, interactions=figures.rows.rows,
            funnel=[{"step": s.step, "dropped": s.dropped, "kept": s.kept} for s in self.funnel],
            ties=figures.rows.ties.shares(), split=self._split_counts(figures), time_range=figures.time_range(),
            length=length, store="", notes=notes_of(staged, figures, self.options), columns=staged.columns,
        )  # fmt: skip

    def _check_split(
        self, cleaned: Cleaned, figures: LogFigures, users: numbering.Numbers, time_type: str | None
    ) -> None:  # fmt: skip
        """Raise DataError if the split leaves a part empty."""
        rule = cleaned.rule
        if rule.bounds is not None:
            figures.check_split(self.options.split, rule.bounds, lambda: possible_split(self.con, time_type))
        if rule.kind == "leave-out":
            check_last(self.options.split, rule.last, figures.by_user)
        if rule.kind == "users":
            assert cleaned.keys is not None
            check_users(self.options.split, figures.by_user, cleaned.keys, users.by_provisional)
        if self.options.drop_cold:
            check_not_all_cold(figures.by_user, figures.cold())

    def _split_counts(self, figures: LogFigures) -> SplitCounts:
        counts = figures.split_counts()
        return {**counts, "cold": figures.cold()} if self.options.drop_cold else counts

    def _meta(self, report: IngestReport, staged: Staged, rule: SplitRule) -> dict[str, Any]:
        seed = {"seed": self.options.split_seed} if rule.needs_keys else {}
        return {
            "versions": library_versions(),
            "options": lasting_options(self.options) if self.earlier is None else self.earlier.made_with,
            "kept": staged.kept, "where": staged.where, "time_type": staged.time_type,
            "users": report.users, "session_users": report.session_users, "items": report.items,
            "interactions": report.interactions, "ties": report.ties,
            "split": {
                "rule": self.options.split, "eval": self.options.eval, "bounds": rule.bounds, **seed, **report.split,
            },
            "time_range": report.time_range, "length": report.length,
        }  # fmt: skip
