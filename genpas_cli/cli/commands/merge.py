"""`genpas merge`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, Quiet, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.machine import MachineOptions, show_size
from genpas_cli.runtime.text.wording import counted

EXAMPLES = """
for i in 1 2 3; do genpas augment logs.store --part $i/3 -o thirds.pairs; done
genpas merge thirds.pairs.part-*
"""


@command(EXAMPLES)
@with_options(machine=MachineOptions)
def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART", help="All directories written by augment --part.",
                       show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The directory to make; by default what the parts are named "
                     "after, beside them."),
    ] = None,
    *,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
    machine: MachineOptions,
) -> None:  # fmt: skip
    """Merge the parts written by augment --part: the same bytes as if one run had made them.

    Files are linked, not copied, where parts and output lie on the same file system; the parts stay.
    """
    from genpas_cli.augment.merge import merge as run

    del quiet  # acted on by `command`
    with console.progress() as progress:
        report = run(parts, output, machine, force=force, progress=progress)
    if json:
        console.print_json(asdict(report))
        return
    counts = ", ".join(f"{rows:,} {split}" for split, rows in report.pairs.items())
    path = console.escaped(report.output)
    console.say(
        f"{counts} pairs of {counted(report.parts, 'part')} in {counted(report.files, 'shard')}, "
        f"{show_size(report.bytes)}"
    )
    console.say(f"wrote {path}; check it with: [bold]genpas verify {path}[/bold]")
    console.say("the parts are not needed any more")
