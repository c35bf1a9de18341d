"""The command line as a table, from the Typer application, and the reference page that shows it."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

DEFAULT_IN_HELP = re.compile(r"\s*\(default: (.+)\)$")


@dataclass(frozen=True)
class Entry:
    """An argument or option of a command."""

    flags: tuple[str, ...]
    """`-o`, `--output`; for an argument its name, such as `SOURCE...`."""
    value: str
    """Name of the value, such as `DIR`; empty for an argument and for an option without a value."""
    default: str
    """As text in Markdown; empty if there is none to show."""
    text: str
    """What it does, in one or more sentences."""


@dataclass(frozen=True)
class Command:
    """A command, or `genpas` itself."""

    name: str
    """Empty for `genpas` itself."""
    usage: str
    help: str
    """One sentence, then paragraphs with a blank line between them."""
    panels: dict[str, list[Entry]]
    """Heading of the help → its arguments or options."""
    examples: tuple[str, ...]
    """Shell lines."""


def commands() -> list[Command]:
    """Return `genpas` itself and then its commands, in the order of the help."""
    import typer

    from genpas_cli.cli import COMMANDS, app, load
    from genpas_cli.cli.help import argument_of, examples_of, is_argument

    load(COMMANDS)
    group: Any = typer.main.get_command(app)
    found = [Command("", "genpas [OPTIONS] COMMAND", inspect.cleandoc(group.help), _panels(group.params), ())]
    for name, command in group.commands.items():
        arguments = " ".join(argument_of(each) for each in command.params if is_argument(each))
        usage = f"genpas {name} [OPTIONS] {arguments}"
        help_text = inspect.cleandoc(command.help)
        found.append(Command(name, usage, help_text, _panels(command.params), examples_of[name]))
    return found


def _panels(parameters: list[Any]) -> dict[str, list[Entry]]:
    from genpas_cli.cli.help import is_argument

    panels: dict[str, list[Entry]] = {}
    for parameter in parameters:
        panel = "Arguments" if is_argument(parameter) else parameter.rich_help_panel or "Options"
        panels.setdefault(panel, []).append(_entry(parameter))
    return panels


def _entry(parameter: Any) -> Entry:
    from genpas_cli.cli.help import argument_of, is_argument, shown_flags

    text = inspect.cleandoc(parameter.help or "")
    default = _default(parameter)
    if found := DEFAULT_IN_HELP.search(text):
        text, default = text[: found.start()], found[1]
    if is_argument(parameter):
        return Entry((argument_of(parameter),), "", default, text)
    value = "" if parameter.is_flag else parameter.metavar or "TEXT"
    return Entry(tuple(shown_flags(parameter)), value, default, text)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.show_default
    return f"`{default}`" if isinstance(default, str) else ""


# --------------------------------------------------------------------------------------------------------------- page

_LEAD = """Every command also takes `--help` (`-h`). stdout carries data only (JSON, Arrow); everything said to a
person goes to stderr. A command that fails says why and leaves with one of the [exit codes](exit-codes.md). The same
text is the manual page that `pip` installs: `man genpas`."""

# The files that the examples of the help speak of, so that the examples can be run; and a small model, because what
# the examples print is not shown.
_EXAMPLE_SETUP = """<!-- setup
printf '[%s]\\ndim = 16\\nbatch-size = 64\\n' train compare > genpas.toml
cp sample_data/logs.parquet logs.parquet
printf 'user_id,item_id,timestamp\\nu-68d10,B0-new,1736000000\\n' > tuesday.csv
genpas ingest logs.parquet -o shop_days.store --quiet
genpas export shop_days.store --to splits -o split --quiet
mkdir events
gzip -c sample_data/logs_messy.csv > events/2024.csv.gz
python -c "for u in range(1, 9):
    for t in range(9): print(f'{u}::{u * t % 7}::5::{t}')" | gzip > ratings.dat.gz
echo 'import sys; sys.stdin.buffer.read()' > train.py
printf '3 1 0 0\\n<a_0><b_2><c_1><d_0>\\n' > generated.txt
python -c "import numpy, pyarrow as pa, pyarrow.parquet as pq
ids = pq.read_table('logs.parquet')['item_id'].unique()
vectors = numpy.random.default_rng(0).random((len(ids), 8)).astype('f4')
pq.write_table(pa.table({'item_id': ids, 'embedding': vectors.tolist()}), 'embeddings.parquet')
numpy.save('embeddings.npy', vectors)
open('ids.txt', 'w').write('\\n'.join(ids.to_pylist()))
open('titles.csv', 'w').write('\\n'.join(['item_id,title', *(f'{item},Item {item}' for item in ids.to_pylist())]))"
-->"""


def cli_page(note: str) -> str:
    """Return reference/cli.md; `note` is its first line."""
    whole, *rest = commands()
    parts = [note, "# The command line", whole.help, _LEAD, "## genpas", _tables(whole), _EXAMPLE_SETUP]
    for command in rest:
        examples = "\n".join(command.examples)
        parts += [
            f"## genpas {command.name}", f"```text\n{command.usage}\n```", command.help, _tables(command),
            "### Examples", f"```bash\n{examples}\n```",
        ]  # fmt: skip
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _tables(command: Command) -> str:
    """Return one table for each panel of the help, in its order."""
    head = "| | value | default | what it does |\n|---|---|---|---|\n"
    return "\n\n".join(
        f"### {panel}\n\n{head}" + "\n".join(map(_row, entries)) for panel, entries in command.panels.items()
    )


def _row(entry: Entry) -> str:
    flags = ", ".join(f"`{flag}`" for flag in entry.flags)
    cells = (flags, f"`{entry.value}`" if entry.value else "", entry.default, entry.text.replace("\n- ", "<br>"))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
