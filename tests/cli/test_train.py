"""`genpas train`, `compare` and `tune --train-top` on the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import Genpas, InProcess, fill, refused, tmpfs, unchanged

DATA, USAGE, MACHINE, INTEGRITY = 1, 2, 3, 4

QUICK = (
    "--dim", "8", "--steps", "20", "--round-steps", "10", "--batch-size", "32", "--threads", "1", "--device", "cpu"
)  # fmt: skip


def test_it_says_how_it_goes_and_prints_a_table(inside: InProcess, pairs: Path) -> None:
    done = inside("train", pairs, *QUICK)
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    assert [line.split()[1] for line in told if line.startswith("step")] == ["10", "20"]
    assert told[-1].endswith("Wrote log.model: model.pt, metrics.json, learning_curve.csv")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    metrics = json.loads((inside.cwd / "log.model" / "metrics.json").read_text())
    assert rows["NDCG@10"][:2] == [f"{metrics[split]['ndcg@10']['value']:.4f}" for split in ("validation", "test")]
    assert "full ranking of 30 items; items of the input are ranked too (--seen keep)" in done.stdout
    again = inside("train", pairs, *QUICK, "--resume")
    refused(again, 2, "log.model is complete, and --resume continues only a run that was stopped", "--force")


def test_on_a_terminal_lines_stand_above_the_bar(genpas: Genpas, pairs: Path) -> None:
    ours, theirs = pty.openpty()
    running = genpas.with_env(TERM="xterm").start("train", pairs, *QUICK, stderr=theirs)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # how Linux says that the other end is closed
        while more := os.read(ours, 1 << 16):
            said += more
    os.close(ours)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert b"NDCG@10" in out
    # What the terminal shows: a carriage return goes back to the beginning of the line, `[2K` clears it.
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode().replace("\x1b[2K", "\r")).split("\n")
    steps = [line for line in (line.rstrip("\r").rpartition("\r")[2] for line in lines) if "step  " in line]
    assert len(steps) == 2
    assert all(line.startswith("step") for line in steps), steps
    assert "training" in said.decode()
    assert "loss" in said.decode()


def test_json_is_what_the_file_holds(inside: InProcess, pairs: Path) -> None:
    printed = inside.json("train", pairs, *QUICK, "-o", "a.model", "--seen", "filter", "--json")
    assert printed == json.loads((inside.cwd / "a.model" / "metrics.json").read_text())
    assert printed["evaluation"] == {"ranking": "full", "items": 30, "seen": "filter"}


def test_compare_and_tune(inside: InProcess, store: Path) -> None:
    compared = inside.json("compare", store, *QUICK, "--seeds", "1", "-s", "multi-target", "-s", "0,1,0", "--json")
    assert [each["name"] for each in compared["strategies"]] == ["multi-target", "0,1,0"]
    assert compared["output"] == "log.comparison"
    shown = inside("compare", store, *QUICK, "--seeds", "2", "-o", "other")
    assert shown.stdout.count("±") == 2
    assert "1,0,0, seed 1: validation NDCG@10" in shown.stderr
    rows = {line.split()[0]: line.split() for line in shown.stdout.splitlines() if "±" not in line and line.strip()}
    for each in json.loads((inside.cwd / "other" / "comparison.json").read_text())["strategies"]:
        assert each["test"]["recall@10"] != each["validation"]["recall@10"]
        assert rows[each["name"]][3] == f"{each['test']['recall@10']:.4f}"
    tuned = inside.json(
        "tune", store, *QUICK, "--seeds", "1", "--alpha", "0,1", "--beta", "0", "--gamma", "0,1", "--train-top", "2",
        "--json",
    )  # fmt: skip
    assert len(tuned["trained"]) == 2
    best = max(tuned["trained"], key=lambda each: each["validation"])
    assert tuned["winner"] == best["name"]
    assert [each["name"] for each in tuned["trained"]] == [each["name"] for each in tuned["configurations"][:2]]
    assert (inside.cwd / "log.search" / best["models"][0] / "model.pt").is_file()


def test_without_pytorch_nothing_begins(genpas: Genpas, pairs: Path, store: Path) -> None:
    (genpas.temp_dir / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None\n")
    lacking = genpas.with_env(PYTHONPATH=f"{genpas.temp_dir}:{genpas.environment['PYTHONPATH']}")
    for command in (("train", pairs), ("compare", store), ("tune", store, "--train-top", "1")):
        with unchanged(genpas.cwd):
            refused(lacking(*command), MACHINE, "needs PyTorch", "pip install 'genpas[train]'")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--lr", "-1"), USAGE, ["--lr is -1.0"]),
        (("--lr", "1e30"), USAGE, ["the loss is", "at step", "learning rate", "--lr 1e+29"]),
        (("--dim", "7"), USAGE, ["--dim 7 is not a multiple of --heads 2"]),
        (("--epochs-data", "2"), USAGE, ["--epochs-data is 2", "has 1 epoch", "--epochs 2"]),
        (("--device", "tpu"), USAGE, ["--device is 'tpu'"]),
        (("--fresh", "no.store"), DATA, ["no such store: no.store", "genpas ingest"]),
        (("--model", "bert4rec"), USAGE, ["bert4rec", "sasrec", "tiger"]),
        (("--model", "tiger"), USAGE, ["--model tiger needs the codes of the items", "genpas semantic-ids"]),
        (("--beam", "50"), USAGE, ["--beam cannot be used with --model sasrec"]),
    ],
)  # fmt: skip
def test_values_that_cannot_be_used(
    inside: InProcess, pairs: Path, arguments: tuple[str, ...], code: int, words: list[str]
) -> None:
    done = inside("train", pairs, *QUICK, *arguments, "-q")
    refused(done, code, *words)
    assert not (inside.cwd / "log.model").exists()


def test_a_model_that_does_not_fit_in_memory(genpas: Genpas, pairs: Path) -> None:
    done = genpas("train", pairs, "--dim", "1000000000000", "--heads", "1", "--layers", "1", "-q")
    refused(done, MACHINE, "not enough memory", "--dim", "--batch-size")


def test_pairs_without_anything_held_out(inside: InProcess, log: Path) -> None:
    assert inside("augment", log, "--split", "none", "-o", "all.pairs").returncode == 0
    refused(inside("train", "all.pairs"), DATA, "no validation and no test pairs", "--split leave-one-out")


def test_what_is_no_pairs_directory(inside: InProcess, log: Path) -> None:
    refused(inside("train", log), DATA, "is not a directory", "genpas augment")
    refused(inside("train", "nowhere.pairs"), DATA, "no such directory", "genpas augment")


def test_a_disk_that_is_full_at_a_checkpoint(genpas: Genpas, pairs: Path, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "2m") as disk:
        running = genpas.start(
            "train", pairs, *QUICK, "--steps", "100000", "--patience", "9999", "-o", disk / "a.model"
        )
        while not (disk / ".a.model.genpas-part" / "checkpoint.pt").exists() and running.poll() is None:
            time.sleep(0.01)
        fill(disk)
        out, said = (stream.decode() for stream in running.communicate(timeout=60))
        refused(
            subprocess.CompletedProcess((), running.returncode, out, "".join(
                line for line in said.splitlines(keepends=True) if not line.startswith("step")
            )),
            MACHINE, "no space left", str(disk),
        )  # fmt: skip
        (disk / "filler").unlink()
        # What was saved before stays, and training goes on from there.
        done = genpas("train", pairs, *QUICK, "--steps", "100000", "--patience", "9999", "-o", disk / "a.model")
        refused(done, USAGE, "was interrupted", "--resume")
        assert [path.name for path in disk.iterdir()] == [".a.model.genpas-part"]


def test_options_of_training_go_with_train_top(inside: InProcess, store: Path) -> None:
    for arguments in (("--dim", "8"), ("-o", "x"), ("--resume",)):
        refused(inside("tune", store, *arguments), USAGE, "can only be used with --train-top")


def test_a_comparison_of_another_log_is_not_gone_on_with(inside: InProcess, store: Path, log: Path) -> None:
    options = (*QUICK, "--seeds", "1", "-s", "1,0,0", "-o", "a")
    diverging = inside("compare", store, *options, "--lr", "1e30")
    refused(diverging, USAGE, "the loss is")
    refused(inside("compare", store, *options), USAGE, "was interrupted", "--resume", "--force")
    refused(inside("compare", log, *options, "--lr", "1e30", "--resume"), INTEGRITY, "another log")
    refused(inside("compare", store, *options, "--resume"), USAGE, "--lr is 0.001, but the interrupted run had 1e+30")
    assert inside("compare", store, *options, "--force", "-q").returncode == 0
