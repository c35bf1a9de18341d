"""`genpas train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, Resume, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.text.wording import counted
from genpas_cli.training.options import TrainOptions

if TYPE_CHECKING:
    from genpas_cli.training.runs.loop import Round
    from genpas_cli.training.train_report import TrainReport

EXAMPLES = """
genpas train logs.pairs --steps 200
genpas train logs.pairs --steps 200 --fresh logs.store -o fresh.model
genpas train logs.pairs --steps 100 --dim 32 --seen filter -o small.model --json > metrics.json
genpas train logs.pairs --model tiger --semantic-ids codes.parquet --missing-codes drop --steps 20 -o tiger.model
"""


@command(EXAMPLES)
@with_options(options=TrainOptions)
def train(  # its parameters are the command's
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="PAIRS", help="A pairs directory with held-out pairs, local or s3://...", show_default=False
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="Output directory. Default: NAME.model in the current "
                     "directory."),
    ] = None,
    *,
    resume: Resume = False,
    force: Force = False,
    json: Json = False,
    options: TrainOptions,
) -> None:  # fmt: skip
    """Train a small reference model on the pairs, and evaluate it on the held-out pairs.

    The model learns to predict each pair's target from its input: SASRec scores every item, and TIGER generates the
    codes of items. Training stops when validation NDCG@10 no longer improves.
    """
    from genpas_cli.training.job import train as run

    with console.progress() as progress:
        report = run(pairs, output, options, resume=resume, force=force, observe=say_round, progress=progress)
    if json:
        console.print_json(report.to_dict())
        return
    _say_accuracy(report)
    where = console.escaped(report.output)
    went_on = f", {report.resumed:,} of them in the interrupted run" if report.resumed else ""
    training, run_ = report.metrics["training"], report.metrics["run"]
    console.say(
        f"{counted(training['steps'], 'step')}{went_on}, {run_['step_milliseconds']:.0f} ms per step on "
        f"{run_['device']}; best model at step {training['best_step']:,}. Wrote {where}: model.pt, metrics.json, "
        "learning_curve.csv"
    )


def say_round(each: Round) -> None:
    """Print the result of one round of training."""
    shown = each.validation
    console.say(
        f"step {each.step:>6,}  loss {each.loss:.3f}  validation NDCG@10 {shown['ndcg@10']:.4f}  "
        f"Recall@10 {shown['recall@10']:.4f}"
    )


def _say_accuracy(report: TrainReport) -> None:
    out, metrics = console.stdout(), report.metrics
    seen = (
        "items of the input are ranked too (--seen keep)"
        if metrics["evaluation"]["seen"] == "keep"
        else "items of the input are not ranked (--seen filter)"
    )
    table = report.shown()[0]
    console.print_table(table.headings, table.rows)
    groups = {
        "head items": metrics["test"]["head"], "tail items": metrics["test"]["tail"],
        **{f"{name} input items": group for name, group in metrics["test"]["by_history"].items()},
    }  # fmt: skip
    shown = (f"{name} {group['ndcg@10']:.4f}" for name, group in groups.items() if group["pairs"])
    out.print(f"test NDCG@10 for {', '.join(shown)}")
    out.print(f"{_ranking(metrics['evaluation'], metrics['test']['pairs'])}; {seen}", style="dim")


def _ranking(evaluation: dict[str, Any], pairs: int) -> str:
    if evaluation["ranking"] == "full":
        return f"full ranking of {counted(evaluation['items'], 'item')}"
    without = evaluation["targets_without_codes"]["test"]
    words = [
        f"beam search with {counted(evaluation['beam'], 'code sequence')} among {counted(evaluation['items'], 'item')}",
        f"{evaluation['missed']['test']:,} of {pairs:,} test targets not found"
        + (f", {without:,} of them without codes" if without else ""),
    ]
    if evaluation["items_without_codes"]:
        words.append(f"{counted(evaluation['items_without_codes'], 'item')} without codes")
    if evaluation["items_sharing_codes"]:
        words.append(f"{counted(evaluation['items_sharing_codes'], 'item')} share their codes with another item")
    return "; ".join(words)
