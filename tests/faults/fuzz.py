"""Runs genpas on damaged inputs of every kind, each in a process of its own: no crash, no traceback, no hang.

python -m tests.faults.fuzz [--count N] [--seconds S] [--seed N] [--only KIND] [--keep DIR]

Every case follows from the seed and its number. What fails is printed, and its files are kept with --keep.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import pkgutil
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import typer.main

import genpas_cli
from genpas_cli import cli
from genpas_cli.runtime.text.visible import one_line
from tests.faults import mutations
from tests.faults.originals import make_originals

HANG_SECONDS = 60
ADDRESS_SPACE = 12 << 30
CODES = (0, 1, 2, 3, 4, 5)
UNEXPECTED = (
    "Traceback",
    "unexpected error",
    "Exception ignored",
    "terminate called",
    "Internal Error",
    "INTERNAL Error",
)

Command = tuple[str, ...]

LOG = (
    ("ingest", "{}", "-o", "o.store"),
    ("ingest", "{}", "-o", "o.store", "--bad-rows", "skip", "--dedup", "exact"),
    ("ingest", "{}", "-o", "o.store", "--user", "1", "--item", "2", "--time", "3", "--keep", "4"),
    ("augment", "{}", "-o", "o.pairs"),
    ("ingest", "{}", "--dry-run"),
    ("stats", "{}", "--json"),
    ("ingest", "{}", "-o", "o.store", "--where", "item_id <> 'i3'", "--session-gap", "1h"),
    ("ingest", "{}", "-o", "o.store", "--min-user", "2", "--split", "time:0.8,0.9"),
)
STORE = (
    ("augment", "log.store", "-o", "o.pairs"),
    ("stats", "log.store"),
    ("augment", "log.store", "-o", "-"),
    ("verify", "log.pairs", "--store", "log.store"),
    ("ingest", "day.csv", "-o", "log.store", "--append"),
    ("augment", "log.store", "-o", "o.pairs", "--form", "cuts"),
    ("augment", "log.store", "--target-where", "rating > 2"),
    ("tune", "log.store", "--alpha", "0,1", "--beta", "0", "--gamma", "0"),
    ("ingest", "day.csv", "-o", "o.store", "--items", "log.store"),
)
PAIRS = (
    ("verify", "{}"),
    ("verify", "{}", "--store", "log.store"),
    ("stats", "{}"),
    ("export", "{}", "--to", "jsonl", "-o", "x"),
    ("export", "{}", "--to", "recbole", "-o", "x"),
    ("export", "{}", "--to", "npz", "-o", "x"),
    ("export", "{}", "--to", "csv", "-o", "-", "--split", "train"),
    ("export", "{}", "--to", "safetensors", "-o", "x"),
    ("export", "{}", "--to", "sequences", "-o", "x"),
    ("@loader", "{}"),
    ("stats", "{}", "--store", "log.store"),
)


@dataclass(frozen=True)
class Kind:
    """Files of a kind, and what is done with them."""

    files: tuple[str, ...]
    """Patterns of the files that are damaged."""
    commands: tuple[Command, ...]
    """`{}` is the damaged file, or what is named as `whole`."""
    needs: tuple[str, ...] = ()
    """What else must be there."""
    whole: str | None = None
    stdin: bool = False


KINDS = {
    "log": Kind(("logs/*",), LOG),
    "store": Kind(("log.store",), STORE, ("log.pairs", "day.csv")),
    "pairs": Kind(("log.pairs/*", "log.pairs/data/*"), PAIRS, ("log.store",), "log.pairs"),
    "cuts": Kind(("cuts.pairs/*", "cuts.pairs/*/*"), PAIRS, ("log.store",), "cuts.pairs"),
    "part": Kind(
        ("p.pairs.part-1-of-2/*", "p.pairs.part-1-of-2/data/*"),
        (("merge", "p.pairs.part-1-of-2", "p.pairs.part-2-of-2"),),
        ("p.pairs.part-2-of-2",),
        "",
    ),
    "items": Kind(
        ("log.pairs/items.parquet", "log.pairs/users.parquet"),
        (
            ("ingest", "day.csv", "-o", "o.store", "--items", "{}"),
            ("ingest", "day.csv", "-o", "o.store", "--users", "{}"),
        ),
        ("day.csv",),
    ),
    "codes": Kind(
        ("codes.parquet",),
        (("export", "log.pairs", "--to", "jsonl", "-o", "x", "--semantic-ids", "{}"),),
        ("log.pairs",),
    ),
    "rules": Kind(("rules.toml",), (("stats", "log.store", "--check", "{}"),), ("log.store",)),
    "stream": Kind(
        ("pairs.arrow",),
        (("export", "-", "--to", "jsonl", "-o", "-"), ("export", "-", "--to", "npz", "-o", "x")),
        stdin=True,
    ),
    "model": Kind(("model.pt",), (("@model", "{}"),)),
}


@dataclass
class Tally:
    """What came of the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


# --------------------------------------------------------------------------------------------------------------- cases


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file in a way that fits it; return the name of the way."""
    content = path.read_bytes()
    ways: list[Callable[[bytes, random.Random], bytes]] = [mutations.damaged_bytes]
    if path.suffix in (".json", ".jsonl"):
        ways += [mutations.damaged_json] * 3 if path.suffix == ".json" else [mutations.damaged_lines] * 2
    elif path.suffix in (".csv", ".tsv", ".dat", ".inter", ".txt", ".toml"):
        ways += [mutations.damaged_lines] * 2
    elif path.suffix == ".parquet":
        ways += [mutations.damaged_parquet]
    if path.suffix == ".store" and rng.random() < 0.7:
        mutations.damaged_store(path, rng)
        return "damaged_store"
    way = rng.choice(ways)
    path.write_bytes(way(content, rng))
    return way.__name__


def prepare(originals: Path, case: Path, kind: Kind, rng: random.Random) -> tuple[Command, str, Path | None]:
    """Copy what a case needs and damage one file of it; return the command, what was done, and what stands on stdin."""
    files = sorted(path for pattern in kind.files for path in originals.glob(pattern) if path.is_file())
    chosen = rng.choice(files).relative_to(originals)
    command = rng.choice(kind.commands)
    top = {chosen.parts[0], *kind.needs} if chosen.parts[0] != "logs" else {str(chosen), *kind.needs}
    for name in sorted(top):
        source = originals / name
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, case / name) if source.is_dir() else shutil.copy(source, case / name)
    said = damage(case / chosen, rng)
    named = str(chosen) if kind.whole is None else kind.whole
    return (
        tuple(word.replace("{}", named) for word in command),
        f"{said} of {chosen}",
        case / chosen if kind.stdin else None,
    )


def run_here(command: Command) -> int:
    """Run a command in this process; return its exit code."""
    from genpas_cli.runtime.errors import GenpasError

    try:
        if command[0] == "@loader":
            from genpas_cli.loaders import PairDataset

            for _ in PairDataset(command[1], batch_size=16):
                pass
        elif command[0] == "@model":
            from genpas_cli.training.runs.checkpoint import load_model

            load_model(command[1])
        else:
            from genpas_cli.cli import main

            sys.argv = ["genpas", *command]
            main()
    except GenpasError as error:
        sys.stderr.write(f"error: {one_line(str(error))}\n")
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0


def child(command: Command, case: Path, stdin: Path | None) -> None:
    """Run a command in this new process, and end it."""
    code = 99
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        os.chdir(case)
        tempfile.tempdir = str(case / "tmp")
        os.environ.update(COLUMNS="200", NO_COLOR="1", TMPDIR=str(case / "tmp"))
        os.dup2(os.open(os.devnull if stdin is None else stdin, os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(case / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        # Those of a test are others.
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        code = run_here(command)
    except BaseException:  # noqa: BLE001  # a traceback is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def ended(pid: int) -> int | None:
    """Wait for a process; return its status, or None where it hangs."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.004)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def judged(status: int | None, case: Path) -> tuple[int, str | None]:
    """Return the exit code of a case, and what is wrong with it."""
    if status is None or os.WIFSIGNALED(status):
        return -1, "hangs" if status is None else f"ended by signal {os.WTERMSIG(status)}"
    code = os.WEXITSTATUS(status)
    said = (case / "stderr").read_bytes().decode("utf-8", "backslashreplace")
    messages = sum(line.startswith(("error:", "╭─ Error")) for line in said.splitlines())
    left = list((case / "tmp").iterdir())
    faults = {
        f"exit {code}: {said[-700:]}": code not in CODES or any(sign in said for sign in UNEXPECTED),
        f"exit {code} with {messages} messages: {said[-400:]}": messages != (code != 0),
        f"control characters: {said[-400:]!r}": _has_control(said),
        f"left behind: {left}": bool(left),
    }
    return code, next((fault for fault, found in faults.items() if found), None)


def _has_control(text: str) -> bool:
    return any((letter < " " and letter != "\n") or "\x7f" <= letter < "\xa0" for letter in text)


def fuzz(
    numbers: Iterator[int],
    seed: int,
    *,
    seconds: float = float("inf"),
    only: str | None = None,
    keep: Path | None = None,
    originals: Path | None = None,
) -> Tally:
    """Run cases until there are no more numbers or no more time.

    Args:
        numbers: numbers of the cases.
        seed: what the cases follow from, with their numbers.
        seconds: time after which no further case starts.
        only: the kind of file to damage; by default all of KINDS.
        keep: directory for the files of cases that fail.
        originals: what `make_originals` has made; by default it is made for this run.
    """
    tally, begun = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        if originals is None:
            originals = Path(directory, "originals")
            originals.mkdir()
            make_originals(originals)
        kinds = [
            name for name in KINDS if only in (None, name) and (name != "model" or (originals / "model.pt").exists())
        ]
        weights = [6 if name == "log" else 3 if name in ("pairs", "store", "cuts") else 1 for name in kinds]
        _import_all()
        for number in numbers:
            if time.monotonic() - begun > seconds:
                break
            rng = random.Random(f"{seed}-{number}")
            name = rng.choices(kinds, weights)[0]
            case = Path(directory, f"case-{number}")
            (case / "tmp").mkdir(parents=True)
            started = time.monotonic()
            pid = os.fork()
            if pid == 0:
                _prepared_child(originals, case, KINDS[name], rng)
            status = ended(pid)
            code, wrong = judged(status, case)
            tally.cases[name] += 1
            tally.codes[code] += 1
            what = (case / "case").read_text(encoding="utf-8") if (case / "case").exists() else "preparing"
            tally.slowest = max(tally.slowest, (time.monotonic() - started, f"{number} {what}"))
            if wrong:
                tally.failures.append(f"--seed {seed}, case {number}, {what}: {wrong}")
                print(tally.failures[-1], flush=True)  # noqa: T201  # a script too
                if keep is not None:
                    shutil.copytree(case, keep / f"{seed}-{number}", dirs_exist_ok=True)
            shutil.rmtree(case, ignore_errors=True)
    return tally


def _prepared_child(originals: Path, case: Path, kind: Kind, rng: random.Random) -> None:
    """Damage in the new process too: DuckDB and Arrow start threads, which no fork would have."""
    try:
        command, said, stdin = prepare(originals, case, kind, rng)
        (case / "case").write_text(f"{' '.join(command)} ({said})", encoding="utf-8")
    except BaseException:  # noqa: BLE001  # the fault is here
        import traceback

        (case / "stderr").write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(98)
    child(command, case, stdin)


def _import_all() -> None:
    """Import once what the cases need; else most of the time of each case is imports, and the search of garbage."""
    for module in pkgutil.walk_packages(genpas_cli.__path__, "genpas_cli."):
        with contextlib.suppress(ImportError):  # of an extra
            import_module(module.name)
    for name in ("console", "progress", "table"):
        import_module(f"rich.{name}")
    cli.load(cli.COMMANDS)
    group: Any = typer.main.get_command(cli.app)
    group.commands["verify"].make_context("verify", ["log.pairs"])  # typer imports much when it first parses
    gc.freeze()


def main() -> None:
    """Run the cases; exit 1 if one failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    numbers = iter(range(asked.first, asked.first + asked.count))
    tally = fuzz(numbers, asked.seed, seconds=asked.seconds, only=asked.only, keep=asked.keep)
    print(f"{tally.cases.total():,} cases: {dict(tally.cases)}")  # noqa: T201  # a script
    print(f"exit codes {dict(tally.codes)}; slowest {tally.slowest[0]:.1f} s; {len(tally.failures)} failures")  # noqa: T201  # as above
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
