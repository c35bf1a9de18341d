"""`genpas verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.text.wording import counted

if TYPE_CHECKING:
    from genpas_cli.augment.verify import VerifyReport

EXAMPLES = """
genpas verify logs.pairs
genpas verify logs.pairs --store logs.store
"""


@command(EXAMPLES)
@with_options(machine=MachineOptions)
def verify(
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="A pairs directory, local or s3://...", show_default=False)
    ],
    *,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="STORE",
            help="The store that the pairs were made from: also check that each pair matches its source sequence, "
            "and that no held-out interaction is used in training.",
        ),
    ] = None,
    json: Json = False,
    machine: MachineOptions,
) -> None:
    """Check a pairs directory against its manifest, and with --store every pair against the store."""
    from genpas_cli.augment.verify import verify as run

    with console.progress() as progress:
        report = run(pairs, store=store, machine=machine, progress=progress)
    if json:
        console.print_json(report.to_dict())
        return
    console.say(
        f"{counted(report.files, 'file')} ({_names(report)}), {counted(report.rows, 'pair')}: digests, row counts, "
        "and schema match the manifest, and all user and item numbers are in its range"
    )
    if report.unknown:
        console.say(
            f"not checked, because not listed in the manifest: {counted(len(report.unknown), 'file')} "
            f"({console.escaped(_first(report.unknown))})"
        )
    if report.slices:
        console.say("each pair matches its source sequence; no held-out interaction is used in training")
    else:
        console.say("not checked: whether each pair matches its source sequence (needs --store STORE)")


def _names(report: VerifyReport) -> str:
    """Return which files were checked."""
    return console.escaped(f"{counted(report.shards, 'shard')}, {_first(report.others)}".rstrip(", "))


def _first(names: list[str]) -> str:
    """Return the first three names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004  # one line
