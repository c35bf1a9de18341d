"""`genpas doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, command
from genpas_cli.cli.exit_codes import ExitCode
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.text.wording import counted

EXAMPLES = """
genpas doctor
genpas doctor --memory-limit 4GB --json
"""

_MARKS = {"ok": "ok", "missing": "-", "problem": "!!"}


@command(EXAMPLES)
@with_options(machine=MachineOptions)
def doctor(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URI]", help="Object storage locations to check, such as s3://bucket/logs.",
                       show_default=False),
    ] = None,
    *,
    json: Json = False,
    machine: MachineOptions,
) -> None:  # fmt: skip
    """Check this machine: libraries, extras, Java, GPU, disk, memory and object storage.

    The exit code is 3 if something required does not work. Missing optional parts are listed, but are not an error.
    """
    from genpas_cli.runtime.doctor import Findings, examine

    findings = examine(machine, places or (), _gpu)
    if json:
        console.print_json(asdict(Findings(findings)))
    else:
        out, widest = console.stdout(), max(len(each.name) for each in findings)
        for each in findings:
            advice = f" ({each.advice})" if each.advice else ""
            out.print(f"{_MARKS[each.state]:<3}{each.name:<{widest}}  {each.found}{advice}")
    if problems := sum(each.state == "problem" for each in findings):
        console.say(f"{counted(problems, 'problem')} found; see the lines marked !!")
        sys.exit(ExitCode.MACHINE)


def _gpu() -> str | None:
    from genpas_cli.training.runs.devices import usable_gpu

    return usable_gpu()
