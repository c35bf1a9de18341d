"""`genpas augment`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from genpas_cli.augment.options import AugmentOptions
from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, command
from genpas_cli.cli.commands.ingest import say_notes, say_report
from genpas_cli.cli.parameters import with_options
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import show_size
from genpas_cli.runtime.object_storage.uris import is_remote
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.wording import counted, pairs_by_split

if TYPE_CHECKING:
    from genpas_cli.augment.job import AugmentReport
    from genpas_cli.pairs.stream import PairStream

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="A store written by genpas ingest, or logs in any format that genpas ingest reads; logs are read into a "
        "temporary store.",
        show_default=False,
    ),
]

Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="DIR", help="Output directory, local or s3://...; -o - writes an Arrow "
                 "stream to stdout. Default: NAME.pairs in the current directory."),
]  # fmt: skip
KeepStore = Annotated[
    Path | None, typer.Option("--store", metavar="PATH", help="Also save the store made from the logs, at PATH.")
]  # fmt: skip
SplitOut = Annotated[
    Literal["train", "validation", "test"], typer.Option("--split-out", help="With -o -: the split to write.")
]
Ids = Annotated[
    Literal["num", "raw"],
    typer.Option("--ids", help="With -o -: write items and users as numbers (num) or as the ids of the log (raw)."),
]
Part = Annotated[
    str | None,
    typer.Option("--part", metavar="I/N", help="Write only part I of N, to OUTPUT.part-I-of-N. Parts can be made on "
                 "different machines; genpas merge merges them. A part consists of whole shards, so more parts than "
                 "shards leave some parts empty; for more shards, use a smaller --shard-rows."),
]  # fmt: skip
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep finished shards if the run is interrupted, and continue an interrupted run with the same output "
        "and options.",
    ),
]
Engine = Annotated[
    Literal["local", "spark"],
    typer.Option("--engine", help="local: run on this machine; spark: read Parquet logs and run on the configured "
                 "Spark cluster. Both write the same shards."),
]  # fmt: skip
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan as JSON and write nothing.")]

EXAMPLES = """
genpas augment --alpha 0.5 logs.parquet
genpas augment logs.parquet -s slide-window --pairs 2x -o slides.pairs
genpas augment logs.store --epochs 10 --seed 7 -o epochs.pairs
genpas augment logs.store --part 3/8 --resume
genpas augment logs.parquet -o - | python train.py
"""


@command(EXAMPLES)
@with_options(options=AugmentOptions, reading=IngestOptions)
def augment(  # noqa: PLR0913  # its parameters are the command's
    sources: Sources,
    output: Output = None,
    *,
    store: KeepStore = None,
    split_out: SplitOut = "train",
    ids: Ids = "num",
    part: Part = None,
    resume: Resume = False,
    engine: Engine = "local",
    dry_run: DryRun = False,
    force: Force = False,
    json: Json = False,
    options: AugmentOptions,
    reading: IngestOptions,
) -> None:  # fmt: skip
    """Create input–target pairs from a store or from logs, and write them as Parquet shards.

    By default, the last two interactions of each user are held out, and the biases are 1,0,0, with as many pairs as
    Multi-Target has.
    """
    from genpas_cli.augment import job as jobs

    if output == "-":
        from genpas_cli.augment.stream import augment_stream

        _check_stream({
            "--json": json, "--dry-run": dry_run, "--force": force, f"--part {part}": part, "--resume": resume,
            "--engine spark": engine == "spark", "--form cuts": options.form == "cuts",
            "--user-ids raw": options.user_ids == "raw", f"--item-info {options.item_info}": options.item_info,
            f"--encoding {options.encoding}": options.encoding != "fast",
        })  # fmt: skip
        with console.progress() as progress, augment_stream(
            sources, options, ingest_options=reading, keep_store=store, split_out=split_out, ids=ids, progress=progress
        ) as stream:  # fmt: skip
            _send(stream)
        return
    if (split_out, ids) != ("train", "num"):
        raise UsageError(
            "--split-out and --ids can only be used with -o -",
            tip="A pairs directory always contains all splits, and the ids in items.parquet.",
        )
    if engine == "spark":
        _check_spark({"--store": store, "--part": part, "--resume": resume, "--dry-run": dry_run})
        with console.progress() as progress:
            report = _by_spark(sources, output, options, reading, force=force, progress=progress)
        _tell(report, options, json=json)
        return
    with console.progress() as progress:
        if dry_run:
            console.print_json(jobs.plan(sources, options, ingest_options=reading, part=part, progress=progress))
            return
        report = jobs.augment(
            sources, output, options, ingest_options=reading, keep_store=store, part=part, resume=resume, force=force,
            progress=progress,
        )  # fmt: skip
    _tell(report, options, json=json)


def _tell(report: AugmentReport, options: AugmentOptions, *, json: bool) -> None:
    if json:
        if report.log is not None:
            say_notes(report.log)
        console.print_json(report.to_dict())
    else:
        _say_report(report, options)


def _check_spark(given: dict[str, object]) -> None:
    """Raise UsageError that names an option which the Spark engine cannot use."""
    if unfit := next((name for name, value in given.items() if value), None):
        raise UsageError(f"{unfit} is not supported by --engine spark", tip="Remove the option, or use --engine local.")


def _by_spark(
    sources: list[str], output: str | None, options: AugmentOptions, reading: IngestOptions, *, force: bool,
    progress: Progress,
) -> AugmentReport:  # fmt: skip
    from genpas_cli.augment.source_store import default_output
    from genpas_cli.augment.spark_job import augment_by_spark

    path = output or default_output(sources, ".pairs")
    return augment_by_spark(sources, path, options, ingest_options=reading, force=force, progress=progress)


def _check_stream(given: dict[str, object]) -> None:
    """Raise UsageError for an option that only a directory can use, and when stdout is a terminal."""
    unfit = next((name for name, value in given.items() if value), None)
    if unfit in ("--json", "--dry-run"):
        raise UsageError(
            f"-o - writes the pairs to stdout, and {unfit} writes to stdout too",
            tip="Write the pairs to a directory: -o DIR",
        )
    if unfit is not None:
        raise UsageError(
            f"{unfit} cannot be used with -o -, which writes a stream and no files",
            tip="Write the pairs to a directory: -o DIR"
            + (". To write the ids of the log to the stream: --ids raw" if unfit == "--user-ids raw" else ""),
        )
    if sys.stdout.isatty():
        raise UsageError(
            "-o - writes a binary Arrow stream, but stdout is a terminal",
            tip="Pipe the output into another program, or write it to a directory: -o DIR",
        )


def _send(stream: PairStream) -> None:
    import pyarrow as pa

    # Not `with`: closing writes the end-of-stream mark, so that a truncated stream would look complete, and it waits
    # for a reader that may have stalled.
    stdout = console.binary_stdout()
    writer = pa.ipc.new_stream(stdout, stream.schema)
    for batch in stream.batches:
        writer.write_batch(batch)
    writer.close()
    stdout.close()


def _weights(options: AugmentOptions, report: AugmentReport) -> str:
    from genpas_cli.augment.target_weights import weights_text

    text, found = weights_text(options), report.weights
    if text is None:
        return ""
    size = "" if found is None else (
        f" (effective sample size {found['effective_targets']:,.0f} of {counted(found['targets'], 'target')})"
    )  # fmt: skip
    return f", {console.escaped(text)}{size}"


def _say_report(report: AugmentReport, options: AugmentOptions) -> None:
    if report.log is not None:
        say_report(report.log)
        console.say("")
    held = report.held_out
    whose = "session" if report.users_are_sessions else "user"
    excluding = [flag_of(name) for name in ("target_where", "target_weight") if getattr(options, name) is not None]
    no_target = " or ".join(["no earlier interaction", *(f"excluded by {flag}" for flag in excluding)])
    part, whole = ("", "") if report.part is None else (
        f"part {report.part.replace('/', ' of ')}: ", " in the whole job"
    )  # fmt: skip
    console.say(
        f"{part}{_pairs_made(report)}; [bold]{_rule(report.strategy)}[/bold]{_weights(options, report)}, "
        f"{_DRAWS[report.draw]}, seed {report.seed}; {counted(report.files, 'shard')}{_resumed(report)}, "
        f"{show_size(report.bytes)}, {report.seconds:.1f} s"
    )
    if held["rule"] == "none":
        console.say("no interactions are held out (--split none)")
    else:
        console.say(
            f"held out{whole} ({held['rule']}): {held['validation']:,} validation and {held['test']:,} test "
            "interactions"
            + (f" ({held['without_input']:,} are not targets: {no_target})" if held["without_input"] else "")
            + (
                f"; {counted(held['users_in_train_only'], whose)} without held-out interactions"
                if held["users_in_train_only"]
                else ""
            )
            + _without_split(report)
        )
    if report.item_info is not None and report.item_info["missing"]:
        missing, file = report.item_info["missing"], console.escaped(report.item_info["file"])
        console.say(f"{counted(missing, 'item')} not in {file}; the columns of items.parquet are empty for them")
    output = console.escaped(report.output)
    if report.was_complete:
        console.say(
            f"{output} was complete already, so nothing was resumed. To make it again: --force without --resume"
        )
    elif report.part is None:
        console.say(f"wrote {output}; check it with: [bold]genpas verify {output}[/bold]")
    else:
        console.say(f"wrote {output}; {_next_of_part(report.output)}")


def _pairs_made(report: AugmentReport) -> str:
    """Return the number of pairs of each split, or why there are none."""
    if not report.files:
        every = report.shards_of_all_parts
        return f"no shards ({counted(every, 'shard')} in all; with more than {counted(every, 'part')}, some are empty)"
    made = pairs_by_split(report.pairs, report.epochs)
    if report.part is not None and "train" not in report.pairs:
        made += f" (no training pairs, because their shards are in other parts: {report.shards_of_all_parts:,} in all)"
    return made


_DRAWS = {"balanced": "balanced draw", "independent": "independent draw", "enumerated": "every pair once"}


def _rule(strategy: str) -> str:
    """Return a strategy as a summary shows it: its name, or its three biases."""
    biases = strategy.split(",")
    if len(biases) != len(_BIASES) or ":" in strategy:
        return strategy
    return " ".join(f"{name}={bias}" for name, bias in zip(_BIASES, biases, strict=True))


_BIASES = ("alpha", "beta", "gamma")


def _without_split(report: AugmentReport) -> str:
    """Return how to hold out nothing, if some interactions of logs that were just read are held out."""
    is_default = report.log is not None and report.held_out["rule"] == "leave-one-out"
    is_held_out = report.held_out["validation"] + report.held_out["test"]
    return ". To hold out nothing: --split none" if is_default and is_held_out else ""


def _next_of_part(output: str) -> str:
    """Return the next step once all parts exist: parts on object storage must first be copied to this machine."""
    parts = f"{output.rpartition('.part-')[0]}.part-*"
    if not is_remote(output):
        return f"when all parts are written: [bold]genpas merge {console.escaped(parts)}[/bold]"
    here = output.rstrip("/").rpartition("/")[2]
    copy = "aws s3 sync" if output.startswith("s3:") else "gcloud storage rsync --recursive"
    copy = console.escaped(f"{copy} {shell_word(output)} {shell_word(here)}")
    return (
        f"when all parts are written, copy each part to this machine, for example with [bold]{copy}[/bold], and merge "
        f"them: [bold]genpas merge {console.escaped(parts.rpartition('/')[2])}[/bold]"
    )


def _resumed(report: AugmentReport) -> str:
    return (
        f" ({report.resumed:,} of them kept from the interrupted run)"
        if report.resumed and not report.was_complete
        else ""
    )
