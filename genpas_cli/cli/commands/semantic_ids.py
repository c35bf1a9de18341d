"""`genpas semantic-ids`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli import report_outputs as outputs
from genpas_cli.cli.app import Force, Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.text.wording import counted
from genpas_cli.semantic.options import SemanticIdsOptions

if TYPE_CHECKING:
    from genpas_cli.semantic.job import SemanticIdsReport

EXAMPLES = """
genpas semantic-ids logs.store -o codes.parquet
genpas semantic-ids embeddings.parquet -o title_codes.parquet --normalize --codes 64
genpas semantic-ids embeddings.npy --ids ids.txt -o long_codes.parquet --levels 4 --dimensions 4
genpas export logs.pairs --semantic-ids codes.parquet --missing-codes drop -o with_codes
"""


@command(EXAMPLES)
@with_options(options=SemanticIdsOptions)
def semantic_ids(  # noqa: PLR0913  # its parameters are the command's
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="Embeddings: Parquet with columns item_id and one of lists of numbers, "
                       "or a matrix (.npy, .safetensors) with --ids; or a store written by genpas ingest.",
                       show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write: .parquet (item_id, codes), .json "
                            "(an index), .npy (one row per item number) or .pt (a tensor, one column per item number).",
                            show_default=False)
    ],
    *,
    ids: Annotated[
        Path | None,
        typer.Option("--ids", metavar="FILE", help="For a matrix: the id of each row, one per line, or Parquet."),
    ] = None,
    vocab: Annotated[
        Path | None,
        typer.Option("--vocab", metavar="DIR|STORE", help="For embeddings: the pairs directory or store that has "
                     "their items, and the item numbers for .npy and .pt."),
    ] = None,
    html: outputs.Html = None,
    charts: outputs.Charts = None,
    open_: outputs.Open = False,
    force: Force = False,
    json: Json = False,
    options: SemanticIdsOptions,
) -> None:  # fmt: skip
    """Make semantic ids (codes) of items from embeddings or from a store, and measure their quality.

    The codes come from residual k-means of the vectors. The vectors of a store come from how often two items occur
    together in training sequences; nothing that is held out is used.
    """
    from genpas_cli.semantic.job import semantic_ids as run

    drawings = outputs.Drawings(html, charts, open_)
    drawings.check()
    with console.progress() as progress:
        report = run(source, output, options, ids=ids, vocab=vocab, force=force, progress=progress)
    drawings.write(report, "codes")
    if json:
        console.print_json(report.to_dict())
        return
    _say_report(report)


def _say_report(report: SemanticIdsReport) -> None:
    from genpas_cli.cli import tables

    for table in report.shown():
        tables.print_table(table)
    if report.without_vector:
        more = ", ..." if report.without_vector > len(report.without_vector_named) else ""
        console.say(
            f"{counted(report.without_vector, 'item')} without a vector, so without codes (of a store, these are "
            "items without a training interaction): "
            f"{console.escaped(', '.join(report.without_vector_named))}{more}"
        )
    if report.unmatched:
        console.say(f"{counted(report.unmatched, 'embedding')} left out, because their items are not in the vocabulary")
    if report.alone:
        console.say(
            f"{counted(report.alone, 'item')} with a vector of zeros, so with equal codes; of a store, these are items "
            "that occur with no other item"
        )
    console.say(f"wrote {console.escaped(report.output)}, in {report.seconds:.1f} s")
