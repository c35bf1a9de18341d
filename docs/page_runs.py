"""What the pages show, extracted and run: every command line, every piece of Python, and the output beside them.

The conventions, by the language of a fenced block:

    console   lines `$ command` (continued by `> `), each followed by its output (stdout and stderr); both are checked
    bash      commands that are run; their output is not shown
    python    a program that is run; a `text` block right after it shows its output, which is checked
    text, json, yaml    shown only
    py        a program of another environment: tests/consumers/test_pages.py runs those of the pages that it names

A comment before a block changes what is done with it: `<!-- file: NAME -->` writes it to that file of the page's
directory, `<!-- ci: NAME -->` leaves it to `.ci/run`. A comment that starts with `<!-- setup` holds bash that is run
and not shown. A page's blocks run from top to bottom, in a directory of its own that has `sample_data/`. All commands
must succeed; one that is meant to fail ends with `; echo "exit code $?"`.

What changes from run to run or from machine to machine (seconds, sizes, digests, versions, accuracy) is masked in
comparisons.
"""

from __future__ import annotations

import atexit
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN = ("console", "bash", "python")
SHOWN_ONLY = ("text", "json", "yaml", "py")
SECONDS_A_COMMAND = 240

_FENCE = re.compile(r"```(\S*)$")
_MARKER = re.compile(r"<!-- (ci|file): (\S+) -->$")
_MASKS = (
    (re.compile(r"\b\d+\.\d+ s\b"), "<seconds>"),
    (re.compile(r"\b[\d.,]+ (bytes|kB|MB|GB)\b"), "<size>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "<digest>"),
    (re.compile(r'"(seconds|bytes|memory|threads)": [\d.]+'), r'"\1": <number>'),
    (re.compile(r'"(created|python|system|machine|genpas|numpy|pyarrow|duckdb)": "[^"]*"'), r'"\1": <text>'),
    (re.compile(r"\bgenpas \d+\.\d+\.\d+\b"), "genpas <version>"),
    # What a model learns depends on the processor: in the last digits at first, and then in all.
    (re.compile(r"\b(NDCG@\d+|Recall@\d+|MRR|loss)\s+\d+\.\d.*"), r"\1 <accuracy>"),
    (re.compile(r"^test NDCG@10 for head items .*"), "test NDCG@10 for <groups>"),
    (re.compile(r"\d+ ms per step on \w+; best model at step [\d,]+"), "<pace>"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, or a hidden set-up (language `setup`)."""

    language: str
    line: int
    """Line of the page on which its text starts, from 0."""
    lines: tuple[str, ...]
    marker: tuple[str, str] | None = None
    """`("ci", NAME)` or `("file", NAME)`, from the comment before it."""

    @property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Shown:
    """An output that a page shows, beside the real one."""

    command: str
    line: int
    """Line of the page where the output starts, from 0."""
    lines: tuple[str, ...]
    """As shown."""
    real: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether both are the same but for what is masked."""
        return masked(self.lines) == masked(self.real)


class PageError(Exception):
    """A command of a page failed."""


def pages() -> list[Path]:
    """Return the pages whose blocks are run: README.md and everything in docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def masked(lines: tuple[str, ...]) -> list[str]:
    """Return lines with what may differ between runs and machines replaced."""
    result = []
    for line in lines:
        masked_line = line.rstrip()
        for pattern, replacement in _MASKS:
            masked_line = pattern.sub(replacement, masked_line)
        result.append(masked_line)
    return result


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page's text, in order.

    Raises:
        PageError: a block is not closed.
    """
    lines, at, marker = page.splitlines(), 0, None
    while at < len(lines):
        line = lines[at]
        if line.startswith("<!-- setup"):
            end = _find(lines, at + 1, "-->")
            yield Block("setup", at + 1, tuple(lines[at + 1 : end]))
            at = end
        elif found := _MARKER.match(line):
            marker = (found[1], found[2])
        elif found := _FENCE.match(line):
            end = _find(lines, at + 1, "```")
            yield Block(found[1], at + 1, tuple(lines[at + 1 : end]), marker)
            at, marker = end, None
        elif line.strip():
            marker = None
        at += 1


def _find(lines: list[str], start: int, wanted: str) -> int:
    for at in range(start, len(lines)):
        if lines[at] == wanted:
            return at
    raise PageError(f"line {start}: nothing closes what starts here; {wanted!r} is missing")


def commands(block: Block) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield (command, line of its output on the page, output shown) of a console block.

    Raises:
        PageError: output stands before the first command.
    """
    at = 0
    while at < len(block.lines):
        if not block.lines[at].startswith("$ "):
            raise PageError(f"line {block.line + at + 1}: a console block starts with `$ command`")
        command, at = block.lines[at][2:], at + 1
        while at < len(block.lines) and block.lines[at].startswith("> "):
            command, at = f"{command}\n{block.lines[at][2:]}", at + 1
        start = at
        while at < len(block.lines) and not block.lines[at].startswith("$ "):
            at += 1
        yield command, block.line + start, block.lines[start:at]


def run_page(page: Path, directory: Path) -> list[Shown]:
    """Run all that a page shows, in `directory` (made here), and return the outputs it shows beside the real ones.

    Raises:
        PageError: a command or a program failed.
    """
    directory.mkdir(parents=True)
    shutil.copytree(ROOT / "sample_data", directory / "sample_data")
    shell = _Shell(directory)
    shown: list[Shown] = []
    found = [block for block in blocks(page.read_text(encoding="utf-8")) if (block.marker or ("",))[0] != "ci"]
    for block, following in itertools.zip_longest(found, found[1:]):
        if block.marker:
            (directory / block.marker[1]).write_text(block.text, encoding="utf-8")
        elif block.language in ("bash", "setup"):
            shell.run(["bash", "-euo", "pipefail", "-c", block.text])
        elif block.language == "console":
            for command, line, lines in commands(block):
                shown.append(Shown(command, line, lines, shell.run(["bash", "-o", "pipefail", "-c", command])))
        elif block.language == "python":
            real = shell.run([sys.executable, "-c", block.text])
            if following and following.language == "text" and following.line == block.line + len(block.lines) + 3:
                shown.append(Shown("the program above", following.line, following.lines, real))
    return shown


_making_tools = threading.Lock()
_made_tools: list[tempfile.TemporaryDirectory[str]] = []


def _tools() -> str:
    """Return a directory with `genpas` and `python`, made once, before any page starts a process.

    A script that is still open for writing when another thread forks is "busy" for as long as that child lives.
    """
    with _making_tools:
        if not _made_tools:
            made = tempfile.TemporaryDirectory(prefix="genpas-docs-")
            atexit.register(made.cleanup)
            for name, arguments in {"python": "", "genpas": " -m genpas_cli"}.items():
                script = Path(made.name) / name
                script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', encoding="utf-8")
                script.chmod(0o755)
            _made_tools.append(made)
        return _made_tools[0].name


class _Shell:
    """Runs commands in a page's directory, where `genpas` and `python` are those of this interpreter."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        tools = _tools()
        python_path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GENPAS_")}  # else options
        self._environment = {
            **kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": python_path,
            "LC_ALL": "C.UTF-8", "TERM": "dumb", "COLUMNS": "100",
            # Pages run side by side: threads that wait for each other by spinning keep all of them from working.
            "OMP_WAIT_POLICY": "passive",
        }  # fmt: skip

    def run(self, arguments: list[str]) -> tuple[str, ...]:
        """Return the lines a command prints, stdout and stderr together."""
        done = subprocess.run(  # noqa: S603  # the commands of our own pages
            arguments, cwd=self._directory, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=SECONDS_A_COMMAND, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise PageError(f"exit code {done.returncode}:\n{arguments[-1]}\n{done.stdout}")
        return tuple(done.stdout.rstrip().splitlines())


def refreshed(text: str, shown: list[Shown]) -> str:
    """Return a page's text with the real outputs; what differs only in what is masked stays as it is."""
    lines = text.splitlines()
    for output in sorted(shown, key=lambda output: output.line, reverse=True):
        if not output.agrees:
            lines[output.line : output.line + len(output.lines)] = [line.rstrip() for line in output.real]
    return "\n".join(lines) + "\n"
