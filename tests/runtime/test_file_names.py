"""The name of an output file must not promise another format than the file will have."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.file_names import check_file_name
from tests.support import InProcess, refused, snapshot

LINES = (".jsonl", ".ndjson", ".json")


@pytest.mark.parametrize("name", ["a.jsonl", "a.JSON", "a.ndjson", "a", "a.txt", "a.b.jsonl", "run.2024", ".jsonl"])
def test_a_fitting_or_an_unknown_ending_is_accepted(name: str) -> None:
    check_file_name(Path(name), LINES, "it writes JSON Lines")


@pytest.mark.parametrize(
    ("name", "promise", "better"),
    [
        ("a.parquet", "Parquet", "a.jsonl"),
        ("dir/a.CSV", "CSV", "dir/a.jsonl"),
        ("a.jsonl.gz", "gzip", "a.jsonl"),
        ("a.gz", "gzip", "a.jsonl"),
        ("a.b.zst", "Zstandard", "a.b.jsonl"),
    ],
)
def test_another_ending_is_refused_with_a_better_name(name: str, promise: str, better: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_file_name(Path(name), LINES, "it writes JSON Lines", option="--to-file")
    assert raised.value.message == f"--to-file {name}: the name promises {promise}, but it writes JSON Lines"
    assert raised.value.tip is not None
    suggested = raised.value.tip.removeprefix("For example: --to-file ")
    if name != "a.b.zst":  # `.b` is no ending that anyone knows
        assert suggested == better
    check_file_name(Path(suggested), LINES, "it writes JSON Lines")


def test_an_option_that_makes_such_a_file_is_suggested() -> None:
    with pytest.raises(UsageError) as raised:
        check_file_name(Path("a.parquet"), LINES, "it writes JSON Lines", choices={".parquet": "--file-type parquet"})
    assert raised.value.tip == "Use -o a.jsonl, or add --file-type parquet"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("ingest", "log.csv", "-o", "clean.parquet"), "-o clean.parquet"),
        (("augment", "log.csv", "--store", "clean.csv", "-o", "new.pairs"), "--store clean.csv"),
        (("stats", "log.csv", "--html", "report.pdf"), "--html report.pdf"),
        (("export", "log.pairs", "--to", "jsonl", "--split", "train", "-o", "train.jsonl.gz"), "-o train.jsonl.gz"),
        (("export", "log.pairs", "--to", "csv", "--split", "train", "-o", "train.tsv"), "-o train.tsv"),
        (("export", "log.pairs", "--to", "messages", "--split", "train", "-o", "train.parquet"), "-o train.parquet"),
    ],
)
def test_every_command_that_writes_a_file_checks_its_name(
    inside: InProcess, made: Path, arguments: tuple[str, ...], option: str
) -> None:
    (inside.cwd / "log.csv").symlink_to(made / "log.csv")
    (inside.cwd / "log.pairs").symlink_to(made / "log.pairs")
    before = snapshot(inside.cwd)
    refused(inside(*arguments), 2, f"{option}: the name promises")
    assert snapshot(inside.cwd) == before


def test_a_directory_may_have_any_name(inside: InProcess, made: Path) -> None:
    assert inside("augment", str(made / "log.csv"), "-o", "pairs.parquet").returncode == 0
    assert inside("export", "pairs.parquet", "--to", "jsonl", "-o", "all.csv").returncode == 0
    assert (inside.cwd / "all.csv" / "train.jsonl").is_file()
