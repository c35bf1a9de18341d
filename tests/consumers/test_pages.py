"""What the pages show of other people's software works: their ```py blocks run where it is installed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from docs import page_runs
from tests.consumers.environments import Environments

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGES = {
    "train-with-recbole": "recbole",
    "train-with-grid": "tensorflow",
    "train-with-hstu": "datasets",
    "train-minionerec": "datasets",
    "train-with-hugging-face-datasets": "datasets",
    "export-text-and-pipe-it": "datasets",
    "fine-tune-a-language-model": "datasets",
    "load-pairs": "datasets",
}
"""Page → the environment of its ```py blocks."""


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_happens(page: str, environments: Environments, tmp_path: Path) -> None:
    environment, path = environments[PAGES[page]], page_runs.ROOT / "docs" / "how-to" / f"{page}.md"
    page_runs.run_page(path, tmp_path / "page")
    blocks = list(page_runs.blocks(path.read_text(encoding="utf-8")))
    programs = [pair for pair in itertools.zip_longest(blocks, blocks[1:]) if pair[0].language == "py"]
    assert programs
    for program, following in programs:
        said = environment.run(tmp_path / "page", "-c", program.text).rstrip().splitlines()
        if following and following.language == "text" and following.line == program.line + len(program.lines) + 3:
            assert page_runs.masked(tuple(said)) == page_runs.masked(following.lines)
