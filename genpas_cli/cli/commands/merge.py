"""`genpas merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.machine import MachineOptions, show_size
from genpas_cli.runtime.text.wording import counted, pairs_by_split

EXAMPLES = """
for i in 1 2 3; do genpas augment logs.store --part $i/3 -o thirds.pairs; done
genpas merge thirds.pairs.part-*
"""


@command(EXAMPLES)
@with_options(machine=MachineOptions)
def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(metavar="PART", help="All directories written by augment --part, or a pattern such as "
                       "'logs.pairs.part-*'.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Output directory. Default: the name of the parts without "
                     ".part-I-of-N, in the same directory as the parts."),
    ] = None,
    *,
    force: Force = False,
    json: Json = False,
    machine: MachineOptions,
) -> None:  # fmt: skip
    """Merge the parts written by augment --part into one pairs directory.

    The result is byte-for-byte identical to a run without --part. Files are hard-linked instead of copied if the parts
    and the output are on the same file system. The parts are not deleted.
    """
    from genpas_cli.augment.merge import merge as run

    with console.progress() as progress:
        report = run(parts, output, machine, force=force, progress=progress)
    if json:
        console.print_json(report.to_dict())
        return
    path = console.escaped(report.output)
    console.say(
        f"{pairs_by_split(report.pairs)} from {counted(report.parts, 'part')} in {counted(report.files, 'shard')}, "
        f"{show_size(report.bytes)}"
    )
    console.say(f"wrote {path}; check it with: [bold]genpas verify {path}[/bold]")
    console.say("the parts are no longer needed")
