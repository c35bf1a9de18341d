"""`stats --split-of`: the report in each form, its rules, and directories that are no split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from genpas_cli import UsageError, split_stats
from genpas_cli.cli import tables
from genpas_cli.figures.figure import checked_keys, figures_in
from genpas_cli.figures.rules import check, read_rules
from genpas_cli.figures.split_figures import SplitFigures
from tests.figures.split_files import START, Row, Split, random_split, write
from tests.support import InProcess, refused

DATA, USAGE, CHECK = 1, 2, 5


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("careless") / "split", random_split(5))


def test_the_terminal_has_every_figure(inside: InProcess, split: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = split_stats(split)
    tables.print_split(report)
    text = " ".join(capsys.readouterr().out.split())
    for figure in figures_in(SplitFigures).values():
        assert figure.label in text, figure.key
        assert figure.range, figure.key
    assert f"{report.split.rows['train']:,}" in inside("stats", "--split-of", split).stdout


def test_json_and_csv_have_every_figure(inside: InProcess, split: Path) -> None:
    report = split_stats(split)
    found = inside.json("stats", "--split-of", split, "--json")
    assert found == report.to_dict() | {"made_with": found["made_with"]}
    assert list(found["split"]) == list(figures_in(SplitFigures))
    rows = [line.split(",") for line in inside("stats", "--split-of", split, "--csv").stdout.splitlines()]
    assert [row[0] for row in rows] == ["figure", *checked_keys(SplitFigures)]
    assert Counter(report.by_column()["figure"]) == Counter(checked_keys(SplitFigures))


def test_rules_of_a_split(inside: InProcess, split: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"[split]\nfail = {[f'{key}? > -1e9' for key in checked_keys(SplitFigures)]}\n")
    assert all(each.held for each in check(split_stats(split), read_rules(str(path))))
    path.write_text('[split]\nwarn = ["cold_test < 0"]\nfail = ["shared_rows.train_test == 0"]\n')
    done = inside("stats", "--split-of", split, "--check", path)
    assert done.returncode == CHECK
    assert "shared rows, train_test (shared_rows.train_test) is" in done.stderr
    assert "warning: cold test targets (cold_test)" in done.stderr
    path.write_text('[split]\nfail = ["nonsense == 0"]\n')
    refused(inside("stats", "--split-of", split, "--check", path), DATA, "unknown key 'nonsense'")


def test_rules_of_other_reports_do_not_count(inside: InProcess, split: Path, tmp_path: Path) -> None:
    done = inside("stats", "--split-of", split, "--check", "default")
    assert (done.returncode, "9 rules" in done.stderr) == (CHECK, True), done.stderr
    path = tmp_path / "rules.toml"
    path.write_text('[data]\nfail = ["users > 1"]\n')
    refused_ = inside("stats", "--split-of", split, "--check", path)
    assert refused_.returncode == DATA
    assert "none of the 1 rules is for this kind of report" in refused_.stderr


# -------------------------------------------------------------------------------------------------------- what is wrong

ROW = [Row("a", "x", START)]
WRONG: dict[str, tuple[Split, tuple[str, ...]]] = {
    "an empty directory": ({}, ("no file of training rows was found", "the directory is empty")),
    "no training": ({"test": ROW, "validation": ROW}, ("no file of training rows", "test.csv, validation.csv")),
    "no test": ({"train": ROW, "validation": ROW}, ("no file of test targets", "train.csv")),
    "only inputs": ({"train": ROW, "test_input": ROW}, ("no file of test targets",)),
    "two validations": (
        {"train": ROW, "test": ROW, "valid": ROW, "validation_target": ROW},
        ("valid.csv and validation_target.csv can both be the part validation target",),
    ),
    "no rows": ({"train": [], "test": []}, ("no rows",)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_directory_that_is_no_split(inside: InProcess, tmp_path: Path, name: str) -> None:
    split, words = WRONG[name]
    refused(inside("stats", "--split-of", write(tmp_path / "split", split)), DATA, *words)


def test_a_part_without_a_column(inside: InProcess, tmp_path: Path) -> None:
    directory = write(tmp_path / "split", {"train": ROW, "test": ROW})
    (directory / "test.csv").write_text("user_id,timestamp\na,1700000000\n")
    refused(inside("stats", "--split-of", directory), DATA, "test.csv", "the item column was not detected")
    (directory / "test.csv").write_text("user_id,item_id\na,x\n")
    refused(inside("stats", "--split-of", directory), DATA, "test.csv", "no timestamp column was detected")
    (directory / "test.csv").write_text("user_id,item_id,timestamp\na,x,soon\n")
    refused(inside("stats", "--split-of", directory), DATA, "test.csv")


@pytest.mark.parametrize("name", ["missing", "a file"])
def test_a_path_that_is_no_directory(inside: InProcess, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    path = tmp_path / ("file" if name == "a file" else "none")
    refused(inside("stats", "--split-of", path), USAGE, "does not exist" if name == "missing" else "is not a directory")


def test_pairs_are_no_rows(inside: InProcess, pairs: Path) -> None:
    refused(inside("stats", "--split-of", pairs), USAGE, "has pairs, not the rows of a split", f"genpas stats {pairs}")
    assert inside("export", pairs, "--to", "recbole", "-o", "shop").returncode == 0
    refused(inside("stats", "--split-of", "shop"), USAGE, "is an export in the format recbole", "--to splits")
    (inside.cwd / "shop/export.json").unlink()
    refused(inside("stats", "--split-of", "shop"), DATA, "shop.test.inter", "not one interaction per row")
    assert inside("export", pairs, "--to", "csv", "-o", "out").returncode == 0
    refused(inside("stats", "--split-of", "out"), USAGE, "is an export in the format csv", "--to splits")
    (inside.cwd / "out/export.json").unlink()
    refused(inside("stats", "--split-of", "out"), DATA, "the item column was not detected")


def test_a_split_is_no_log(inside: InProcess, store: Path) -> None:
    assert inside("export", store, "--to", "splits", "-o", "rows").returncode == 0
    for command in (("stats",), ("ingest", "-o", "x.store"), ("augment", "-o", "x.pairs")):
        refused(inside(*command, "rows"), DATA, "rows is a split", "genpas stats --split-of rows")


OTHERS = {
    "a source": ("log.csv",), "a store": ("--store", "log.store"), "a page": ("--html", "page.html"),
    "charts": ("--charts", "charts"), "Markdown": ("--markdown",), "LaTeX": ("--latex",),
    "a strategy": ("-s", "multi-target"), "a number of pairs": ("--pairs", "2x"),
    "a split": ("--split", "none"), "cleaning": ("--min-user", "3"), "kept columns": ("--keep", "timestamp"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_go_with_a_split(inside: InProcess, split: Path, name: str) -> None:
    given = OTHERS[name]
    done = inside("stats", "--split-of", split, *given)
    refused(done, USAGE, f"{'--strategy' if given[0] == '-s' else given[0]} cannot be used with --split-of")


def test_neither_a_source_nor_a_split(inside: InProcess) -> None:
    refused(inside("stats"), USAGE, "SOURCE is missing", "genpas stats logs.parquet")


def test_the_library_refuses_the_same(split: Path) -> None:
    with pytest.raises(UsageError, match="--dedup cannot be used with --split-of"):
        split_stats(split, dedup="exact")
