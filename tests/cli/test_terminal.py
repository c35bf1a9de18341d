"""Names and values of somebody else's reach a terminal as text that can be seen, and as nothing that it obeys."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.support import Genpas, InProcess, small_log

EVIL = (
    "a\x1b]0;PWNED\x07", "b\x1b[31mred", "c\x9b31m", "d\x7f\x08\x08", "e\u202ereversed", "f\u2066x\u2069", "g\rover",
    "h[bold]x[/bold]", "i[link=https://example.org]x[/link]", "j:warning:", "k\u2028line", "l\ttab", "m[/]", "n\x00",
)  # fmt: skip


def check(text: str) -> None:
    """Assert that a terminal shows all of a text and obeys none of it."""
    bad = [c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\n"]
    bad += [c for c in text if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "PDI")]
    assert bad == [], text
    assert sum(line.startswith("error:") for line in text.splitlines()) <= 1, text


def evil_csv(name: str) -> bytes:
    """Return a log whose column of users has this name."""
    quoted = name.replace('"', '""')
    return f'"{quoted}",item_id,timestamp\n1,2,3\n1,3,4\n1,4,5\n'.encode()


@pytest.mark.parametrize("name", EVIL, ids=[name[0] for name in EVIL])
def test_names_of_columns(inside: InProcess, name: str) -> None:
    (inside.cwd / "log.csv").write_bytes(evil_csv(name))
    for options in ((), ("--time", "nope"), ("--user", name, "--item", "x"), ("--where", f"{name} > 1")):
        done = inside("ingest", "log.csv", "-o", "o.store", *options)
        check(done.stdout + done.stderr)
        assert done.returncode in (1, 2), done.stderr
    done = inside("ingest", "log.csv", "-o", "o.store", "--dry-run", "--user", "1")
    check(done.stdout + done.stderr)


@pytest.mark.parametrize("name", [name for name in EVIL if "\0" not in name], ids=lambda name: name[0])
def test_names_of_files_values_and_options(inside: InProcess, name: str) -> None:
    file = name.replace("/", "_") + "\nerror: not ours.csv"
    (inside.cwd / file).write_text(small_log(), encoding="utf-8")
    for arguments in (
        ("ingest", file, "-o", f"{name.replace('/', '_')}.store"),
        ("augment", file, "-o", "o.pairs", "--keep", name),
        ("augment", file, "-o", f"{name.replace('/', '_')}.pairs"),
        ("ingest", f"nosuch{name}", "-o", "x.store"),
        ("ingest", file, "-o", "x.store", "--split", name),
        ("ingest", file, "-o", "x.store", "--memory-limit", name),
        ("augment", file, "--seed", name),
        ("augment", file, f"--{name}"),
        (name,),
    ):
        done = inside(*arguments)
        check(done.stdout + done.stderr)
    (inside.cwd / "bad.csv").write_text(f"user_id,item_id,timestamp\nu,i,1\nu,j,{name}\n", encoding="utf-8")
    done = inside("ingest", "bad.csv", "-o", "x.store")
    check(done.stdout + done.stderr)
    assert done.returncode == 1


def test_markup_is_shown_as_it_is(inside: InProcess) -> None:
    name = "[bold]x[red]:smile:[link=a]"
    (inside.cwd / f"{name}.csv").write_text(small_log(), encoding="utf-8")
    done = inside("ingest", f"{name}.csv", "-o", f"{name}.store")
    assert f"wrote {name}.store; next: genpas augment {name}.store" in done.stderr
    done = inside("ingest", f"{name}.csv", "-o", "x.store", "--user", name)
    assert f"{name}.csv: no column '{name}'" in done.stderr


def test_strings_of_a_manifest(inside: InProcess, made: Path) -> None:
    shutil.copytree(made / "log.pairs", inside.cwd / "log.pairs")
    path = inside.cwd / "log.pairs" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    evil = "x\x1b]0;PWNED\x07\n\u202e[bold]"
    for change in ({"form": evil}, {"format_version": evil}, {"keep": [evil]}, {"files": [{"path": evil}]}):
        path.write_text(json.dumps({**manifest, **change}), encoding="utf-8")
        for command in (("verify", "log.pairs"), ("stats", "log.pairs"), ("export", "log.pairs", "--to", "csv")):
            done = inside(*command)
            check(done.stdout + done.stderr)
    manifest["strategy"]["name"] = evil
    path.write_text(json.dumps(manifest), encoding="utf-8")
    done = inside("stats", "log.pairs")
    check(done.stdout + done.stderr)


def test_a_terminal_is_not_renamed_while_a_bar_is_shown(genpas: Genpas) -> None:
    name = "l\x1b]0;PWNED\x07[bold]x.csv"
    (genpas.cwd / name).write_text(small_log(), encoding="utf-8")
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "genpas_cli", "ingest", name, "-o", "o.store"], cwd=genpas.cwd, stderr=theirs,
        env={**genpas.environment, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 1 << 16):
            shown += data
    except OSError:  # how a terminal ends on Linux
        pass
    assert running.wait() == 0
    os.close(ours)
    assert b"\x1b]0;" not in shown
    assert b"reading" in shown


def test_a_stdout_that_knows_no_unicode(genpas: Genpas, store: Path) -> None:
    done = genpas.with_env(PYTHONIOENCODING="ascii")("stats", store, "-s", "1,0,0", "-s", "0,0,0")
    assert done.returncode == 0, done.stderr
    assert "KL(test \\u2016 train)" in done.stdout


def test_the_data_card_is_one_document_whatever_the_names(inside: InProcess) -> None:
    column = "p`|\n---\n<script>alert(1)</script>"
    content = f'user_id,item_id,timestamp,"{column}"\n' + "".join(f"u{n % 5},i{n},{n},{n}\n" for n in range(40))
    file = "log`]|\n---\nconfigs: []\n.csv"
    (inside.cwd / file).write_text(content, encoding="utf-8")
    done = inside("augment", file, "-o", "o.pairs", "--keep", column)
    assert done.returncode == 0, done.stderr
    card = (inside.cwd / "o.pairs" / "README.md").read_text(encoding="utf-8")
    header, *rest = card.removeprefix("---\n").split("\n---\n")
    assert re.findall("- split: (.*)", header) == ["train", "validation", "test"]
    assert len(rest) == 1, "the header ends once, and nothing looks like another one"
    assert "`` input_p`\\|\\n---\\n<script>alert(1)</script> ``" in rest[0]


def test_verbose_prints_each_stage_and_its_time(inside: InProcess, log: Path) -> None:
    said = inside("augment", log, "-v").stderr
    stages = re.findall(r"^ +\d+\.\d\d s  (.+)$", said, re.MULTILINE)
    assert any(stage.startswith("reading ") for stage in stages)
    assert len(stages) == len(set(stages)) >= 3
    assert "wrote log.pairs" in said
    assert not re.search(r"^ +\d+\.\d\d s  ", inside("augment", log, "--force").stderr, re.MULTILINE)
    assert inside("augment", log, "--force", "-v", "-q").stderr == ""
