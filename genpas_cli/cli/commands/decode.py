"""`genpas decode`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.text.wording import counted

EXAMPLES = """
genpas decode codes.parquet generated.txt > items.txt
echo '[3, 1, 0, 0]' | genpas decode codes.parquet
"""


@command(EXAMPLES)
@with_options()
def decode(
    codes: Annotated[
        Path,
        typer.Argument(metavar="CODES", help="The file of genpas semantic-ids, or an index.json with ids of the log; "
                       "or tokens.parquet of an export, to decode tokens.", show_default=False),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Text with the codes of one item on each line, such as 3 17 255 0, "
                       "[3,17,255,0] or <a_3><b_17><c_255><d_0>. Default: standard input.", show_default=False),
    ] = None,
) -> None:  # fmt: skip
    """Print the items whose codes a model has generated.

    Each line of codes gives one line: the id of the item, or an empty line if no item has the codes. Tokens must have
    the names or numbers of the levels in their order; other text around the tokens is ignored. Codes without names must
    be alone on their line.
    """
    from genpas_cli.semantic.decode import Decoder

    decoder, lines, unknown, first = Decoder(codes), 0, 0, 0
    decoder.check_one_line_per_id()
    try:
        with sys.stdin if file is None else file.open(encoding="utf-8") as text:
            for item in decoder.lines(text):
                lines, unknown = lines + 1, unknown + (item is None)
                first = first or (lines if item is None else 0)
                sys.stdout.write(f"{item or ''}\n")
    except FileNotFoundError as error:
        raise DataError(f"no such file: {file}") from error
    except IsADirectoryError as error:
        raise DataError(f"{file} is a directory, not a file of text") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file or 'standard input'} is not UTF-8 text") from error
    if unknown:
        console.say(f"no item has the codes of {unknown:,} of {counted(lines, 'line')} (the first: line {first:,})")
