"""Options and sources that make no sense: the exit code of the contract, one clear message, nothing written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import Genpas, InProcess, refused, unchanged, words_of

DATA, USAGE = 1, 2

ONE_USER = "\n".join(["user_id,item_id,timestamp", *(f"u1,i{n},{n}" for n in range(200))]) + "\n"

BAD_OPTIONS = {
    "--alpha nan": ("alpha", "nan", "-50 to 50"),
    "--beta 51": ("beta", "51", "-50 to 50", "inf"),
    "--gamma -51": ("gamma", "-51", "-50 to 50", "inf"),
    "--alpha x": ("--alpha", "a number"),
    "--pairs 0": ("--pairs", "0", "2x", "all"),
    "--pairs -1": ("--pairs", "-1"),
    "--pairs 0x": ("--pairs", "0x"),
    "--pairs nanx": ("--pairs", "nanx"),
    "--pairs 1e9999x": ("--pairs", "1e9999x"),
    "--pairs ten": ("--pairs", "ten", "2x", "all"),
    "--pairs all": ("--pairs all", "--pairs 2x"),
    "--epochs 0": ("--epochs", "0", "1 or more"),
    "--epochs 2 -s slide-window": ("--epochs", "--pairs"),
    "--max-input 0": ("--max-input", "0", "none"),
    "--max-input many": ("--max-input", "many", "none"),
    "--pairs 99999999999999999999": ("--pairs means", "9,007,199,254,740,992"),
    "--pairs 99999999999999999999x": ("--pairs means", "9,007,199,254,740,992"),
    "--max-input 99999999999999999999": ("--max-input", "at most 9,223,372,036,854,775,807"),
    "--shard-rows 99999999999999999999": ("--shard-rows", "at most 9,223,372,036,854,775,807"),
    "--epochs 99999999999999999999": ("--epochs", "at most 9,223,372,036,854,775,807"),
    "-s windows:width=99999999999999999999": ("windows:width", "from 1 to 2,147,483,647"),
    "--threads 0": ("--threads", "0", "1 or more"),
    "--seed -1": ("--seed", "-1", "0 or more"),
    "--seed x": ("--seed", "a whole number"),
    "--shard-rows 0": ("--shard-rows", "0", "1 or more"),
    "--memory-limit 0MB": ("'0MB'", "2GB"),
    "--memory-limit much": ("'much'", "2GB"),
    "--temp-dir nosuch": ("--temp-dir nosuch", "mkdir"),
    "-s slide-window --alpha 1": ("--alpha", "slide-window"),
    "-s 1,0,0 --gamma 1": ("--gamma", "1,0,0"),
    "-s slide-windows": ("slide-windows", "slide-window"),
    "-s 1,2": ("'1,2'", "2 biases", "0.5,0,0"),
    "-s 1,2,99": ("99", "-50 to 50"),
    "--draw often": ("--draw", "'often'", "balanced", "independent"),
    "--order random": ("--order", "'random'", "shuffled", "user"),
    "--ids raw": ("--ids", "-o -"),
    "--split-out test": ("--split-out", "-o -"),
    "-o - --json": ("-o -", "--json"),
    "-o - --dry-run": ("-o -", "--dry-run"),
    "--store kept.store": ("--store", "already"),
}


OPTIONS_IN_THE_ISSUE = (
    "--alpha nan",
    "--beta 51",
    "--pairs 0",
    "--max-input 0",
    "--threads 0",
    "-s slide-window --alpha 1",
)


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_an_option_of_augment_that_makes_no_sense(genpas: Genpas, inside: InProcess, made: Path, options: str) -> None:
    shutil.copytree(made / "log.pairs", genpas.cwd / "log.pairs")
    run = genpas if options in OPTIONS_IN_THE_ISSUE else inside
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = run("augment", made / "log.store", "--force", "-o", "log.pairs", *options.split())
    refused(done, USAGE, *BAD_OPTIONS[options])


@pytest.mark.parametrize(
    ("command", "option"), [("stats", "--pairs"), ("tune", "--pairs"), ("stats", "--max-input"), ("head", "--rows")]
)
def test_numbers_that_no_computer_counts_to(inside: InProcess, store: Path, command: str, option: str) -> None:
    refused(inside(command, store, option, "99999999999999999999"), USAGE, option)


@pytest.mark.parametrize(
    "options",
    [
        "--force",
        "--user-ids raw",
        "--part 1/2",
        "--resume",
        "--form cuts",
        "--engine spark",
        "--encoding compact",
        "--item-info nosuch.csv",
    ],
)
def test_what_is_for_files_does_not_go_with_a_stream(inside: InProcess, store: Path, options: str) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", store, "-o", "-", *options.split())
    refused(done, USAGE, "-o -", options, "-o DIR", *(["--ids raw"] if options.startswith("--user-ids") else []))


BAD_INGEST_OPTIONS = {
    "--split half": ("--split", "'half'", "leave-one-out", "time:"),
    "--split time:0.7,0.8,0.9": ("--split", "time:0.7,0.8,0.9"),
    "--split time:0.9,0.8": ("--split", "0.9,0.8"),
    "--split time:1970-01-01,0.9": ("time:1970-01-01,0.9: one bound is a quantile and the other one a time",),
    "--split time:0.5,1970-01-01": ("time:0.5,1970-01-01: one bound is a quantile and the other one a time",),
    "--session-gap soon": ("--session-gap", "soon", "30m"),
    "--session-gap 0m": ("--session-gap", "0m"),
    "--min-user -1": ("--min-user", "-1"),
    "--min-rating nan": ("--min-rating", "nan"),
    "--min-rating inf": ("--min-rating", "inf"),
    "--keep split": ("--keep", "split"),
    "--text-encoding utf-9": ("--text-encoding", "utf-9"),
    "--format excel": ("--format", "'excel'", "parquet"),
    "--ties first": ("--ties", "'first'", "file"),
    "--time-format %Q": ("--time-format", "%Q"),
    "--delimiter ''": ("--delimiter",),
    "--where (": ("--where", "user_id, item_id, timestamp"),
    "--where ''": ("--where '' is empty", "user_id, item_id, timestamp"),
    "--where nosuch>1": ("--where", "nosuch", "user_id, item_id, timestamp"),
    "--where item_id": ("--where", "item_id"),
}


@pytest.mark.parametrize("options", BAD_INGEST_OPTIONS)
def test_an_option_of_ingest_that_makes_no_sense(inside: InProcess, made: Path, options: str) -> None:
    shutil.copy(made / "log.store", inside.cwd / "out.store")
    arguments = [word.replace("''", "") for word in options.split()]
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", made / "log.csv", "--force", "-o", "out.store", *arguments)
    refused(done, USAGE, *BAD_INGEST_OPTIONS[options])


@pytest.mark.parametrize(
    "condition",
    [
        "item_id in (select column0 from read_csv('secret.csv'))",
        "exists (from 'secret.csv')",
        "true); copy (select 1) to 'written.csv'; --",
        "true; attach 'written.db'",
        "read_text('secret.csv') is not null",
        "len(getenv('HOME')) > 0",
        "item_id = getvariable('x')",
        "random() < 0.5",
        "true union all select 1",
        "timestamp > epoch(now())",
    ],
    ids=lambda condition: condition,
)
def test_where_reads_nothing_else_and_writes_nothing(
    genpas: Genpas, inside: InProcess, log: Path, condition: str
) -> None:
    (genpas.cwd / "secret.csv").write_text("a secret\n", encoding="utf-8")
    run = genpas if ".csv" in condition else inside
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = run("ingest", log, "-o", "out.store", "--where", condition)
    refused(done, USAGE, "--where", "user_id, item_id, timestamp")
    assert "a secret" not in done.stderr


def test_an_encoding_of_text_names_the_option_for_it(inside: InProcess, made: Path) -> None:
    """On other commands, --encoding is a second spelling of --text-encoding."""
    done = inside("augment", made / "log.csv", "--encoding", "latin-1")
    refused(done, USAGE, "--encoding is 'latin-1'", "fast, compact or plain", "Did you mean: --text-encoding latin-1")
    assert inside("augment", made / "log.csv", "--text-encoding", "latin-1", "-o", "a.pairs").returncode == 0
    assert inside("ingest", made / "log.csv", "--encoding", "latin-1", "-o", "a.store").returncode == 0


@pytest.mark.parametrize("given", [("--store", "log.store"), ("--store=log.store",)])
def test_a_store_given_by_the_option_that_keeps_one_is_to_be_the_source(
    inside: InProcess, given: tuple[str, ...]
) -> None:
    refused(inside("augment", *given), USAGE, "SOURCE is missing", "To read log.store: genpas augment log.store")


def test_an_enumeration_too_large(genpas: Genpas) -> None:
    (genpas.cwd / "log.csv").write_text(ONE_USER, encoding="utf-8")
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", "log.csv", "-s", "slide-window")
    refused(done, USAGE, "--pairs all", "--pairs 1x")


def test_the_sampled_command_that_is_named_instead_of_an_enumeration_works(inside: InProcess) -> None:
    (inside.cwd / "log.csv").write_text(ONE_USER, encoding="utf-8")
    tip = inside("augment", "log.csv", "-s", "slide-window").stderr.splitlines()[-1]
    options = ["--pairs", words_of(tip)[words_of(tip).index("--pairs") + 1]]
    assert inside("augment", "log.csv", "-s", "slide-window", *options).returncode == 0


def test_sources_that_do_not_go_together(inside: InProcess, made: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", made / "log.store", made / "log.csv", "-o", "out.pairs")
    assert done.returncode in (DATA, USAGE)
    refused(done, done.returncode, "log.store", "store")


def test_a_store_is_no_log(inside: InProcess, store: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("ingest", store, "-o", "out.store")
    refused(done, DATA, "log.store", "store", "genpas augment")


@pytest.mark.parametrize(
    ("pairs", "copy"),
    [("s3://shop/x.pairs", "aws s3 sync"), ("gs://shop/x.pairs", "gcloud storage rsync --recursive")],
)
def test_parts_on_object_storage_are_not_merged(inside: InProcess, pairs: str, copy: str) -> None:
    refused(inside("merge", pairs), DATA, f"{pairs} is on object storage", f"{copy} {pairs} x.pairs")


def test_what_is_wrong_with_an_option_is_said_where_it_is(
    inside: InProcess, log: Path, store: Path, pairs: Path
) -> None:
    """Each of these once gave advice that failed, or blamed something else."""
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", log, "--target-where", "rating > 3", "-o", "x.pairs")
        refused(done, USAGE, "there is no column 'rating'", "add --keep COLUMN")
        assert "genpas ingest" not in done.stderr
        done = inside("augment", store, "--split", "time:0.7,0.8,0.9", "-o", "x.pairs")
        refused(done, USAGE, "--split is 'time:0.7,0.8,0.9'; it needs two times", "time:0.8,0.9")
        done = inside("augment", log, "--items", pairs, "-o", "x.pairs")
        refused(done, DATA, "this is a directory", f"--items {pairs}/items.parquet")
        for unfinished in ("(timestamp > 0", "timestamp > 0 AND", "item_id == "):
            done = inside("ingest", log, "--where", unfinished, "-o", "x.store")
            refused(done, USAGE, f"the condition ends too early, after {unfinished.split()[-1]}")
    (inside.cwd / "empty.parquet").touch()
    refused(inside("ingest", "empty.parquet", "-o", "x.store"), DATA, "empty.parquet: the file is empty")
