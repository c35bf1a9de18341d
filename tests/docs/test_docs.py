"""The documentation is true: its commands run, its outputs are the real ones, its reference is complete."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import genpas_cli
from docs import generate, page_runs
from genpas_cli import AugmentOptions, IngestOptions, augment, augment_stream, ingest
from genpas_cli.cli.help import is_argument
from genpas_cli.runtime import errors
from genpas_cli.runtime.machine import cores

PAGES = page_runs.pages()
NAMES = [page.relative_to(page_runs.ROOT).as_posix() for page in PAGES]

SOURCES = "https://github.com/genpas/genpas/blob/main/"
"""How pages in docs/ link to files outside of it, which the documentation site does not have."""

MET_FIRST = ("README.md",)
"""The page that the fast suite runs; all the others take five minutes, and are among the slow tests."""


def text_of(name: str) -> str:
    return (page_runs.ROOT / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------- pages


@pytest.fixture(scope="module")
def run_page(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[page_runs.Shown]]]:
    """Runs a page by its name; a few at a time where this process runs them all, as a command half waits to start."""
    directory = tmp_path_factory.mktemp("pages")

    def run(name: str) -> list[page_runs.Shown]:
        number = NAMES.index(name)
        return page_runs.run_page(PAGES[number], directory / f"{number:02d}")

    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker collects all pages, and runs some of them
        yield run
        return
    chosen = {item.callspec.params["page"] for item in request.session.items
              if isinstance(item, pytest.Function) and "run_page" in item.fixturenames}  # fmt: skip
    with ThreadPoolExecutor(max(cores(), 2)) as pool:
        runs = {name: pool.submit(run, name) for name in NAMES if name in chosen}
        yield lambda name: runs[name].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(900)  # the page of all commands trains models, beside other pages and tests
@pytest.mark.parametrize(
    "page", [name if name in MET_FIRST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_what_a_page_shows_is_what_happens(page: str, run_page: Callable[[str], list[page_runs.Shown]]) -> None:
    for output in run_page(page):
        expected, found = page_runs.masked(output.lines), page_runs.masked(output.real)
        assert expected == found, f"{page}: {output.command}\nrefresh it: python docs/generate.py --run {page}"


@pytest.mark.parametrize("page", NAMES)
def test_blocks_have_a_known_language(page: str) -> None:
    languages = {block.language for block in page_runs.blocks(text_of(page))}
    assert languages <= {*page_runs.RUN, *page_runs.SHOWN_ONLY, "setup"}


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("https://") and not target.startswith(SOURCES):
            continue
        name, _, anchor = target.partition("#")
        if target.startswith(SOURCES):
            name = os.path.relpath(page_runs.ROOT / name.removeprefix(SOURCES), (page_runs.ROOT / page).parent)
        file = (page_runs.ROOT / page).parent / name if name else page_runs.ROOT / page
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}, target


def test_index_names_every_page() -> None:
    index = text_of("docs/README.md")
    missing = [n for n in NAMES if n not in ("README.md", "docs/README.md") and n.removeprefix("docs/") not in index]
    assert not missing


def test_readme_has_the_two_commands() -> None:
    blocks = {b.marker[1]: b for b in page_runs.blocks(text_of("README.md")) if b.marker and b.marker[0] == "ci"}
    assert blocks["install-and-run"].lines == ("pip install . && genpas augment --alpha 0.5 sample_data/logs.parquet",)
    assert blocks["install-and-test"].lines == ("pip install -e '.[dev]' && pytest -n auto",)
    assert all(block.language == "bash" for block in blocks.values())


# ------------------------------------------------------------------------------------------------------------- runner


def test_a_false_output_is_found_and_refreshed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "```console\n$ echo a; echo 0.7 s\nb\n0.3 s\n$ echo c\nc\n```\n\n```python\nprint(1)\n```\n\n```text\n```\n"
    page.write_text(text, encoding="utf-8")
    found = page_runs.run_page(page, tmp_path / "run")
    assert [output.agrees for output in found] == [False, True, False]
    new = page_runs.refreshed(text, found)
    assert new == text.replace("b\n0.3 s", "a\n0.7 s").replace("```text\n", "```text\n1\n")


def test_a_failing_command_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse\n```\n", encoding="utf-8")
    with pytest.raises(page_runs.PageError, match="exit code 1"):
        page_runs.run_page(page, tmp_path / "run")


# ---------------------------------------------------------------------------------------------------------- reference


def test_generated_pages_are_up_to_date() -> None:
    assert not list(generate.stale()), "run: python docs/generate.py"


def test_check_needs_no_terminal_width() -> None:
    for width in ("40", "200"):
        done = subprocess.run(
            [sys.executable, page_runs.ROOT / "docs" / "generate.py", "--check"], env={**os.environ, "COLUMNS": width},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def commands() -> dict[str, Any]:
    import typer

    from genpas_cli.cli import COMMANDS, app, load

    load(COMMANDS)
    group: Any = typer.main.get_command(app)
    return {"": group, **group.commands}


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_has_help_and_is_in_the_reference(name: str) -> None:
    page = text_of("docs/reference/cli.md")
    for parameter in commands()[name].params:
        assert parameter.help, f"{name} {parameter.name}"
        flag = parameter.metavar if is_argument(parameter) else f"`{parameter.opts[-1]}`"
        assert flag in page


def test_the_list_of_commands_says_what_their_help_says() -> None:
    from genpas_cli.cli import COMMANDS

    assert {name: (command.help or "").split("\n")[0] for name, command in commands().items() if name} == COMMANDS


@pytest.mark.parametrize("name", genpas_cli.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    what = getattr(genpas_cli, name)
    assert inspect.getdoc(what)
    if inspect.isfunction(what):
        raised = what.__doc__.partition("Raises:")[2]  # type: ignore[union-attr]
        assert any(kind.__name__ in raised for kind in errors.GenpasError.__subclasses__()), f"{name}: what it raises"
    assert f"### {name}\n" in text_of("docs/reference/python-api.md") or f"| `{name}` |" in text_of(
        "docs/reference/python-api.md"
    )


# ------------------------------------------------------------------------------------------------------------ formats


def section(heading: str) -> str:
    """The part of formats.md under a heading, its subsections included."""
    page = text_of("docs/reference/formats.md")
    level = heading.partition(" ")[0]
    assert f"\n{heading}\n" in page
    after = page.partition(f"\n{heading}\n")[2]
    return re.split(rf"^#{{1,{len(level)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def keys_of(value: Any) -> set[str]:
    """Every key of a JSON object, those of its objects and lists of objects included."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(v) for v in value.values()))
    return set().union(*(keys_of(v) for v in value)) if isinstance(value, list) else set()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store, its rejects, and a pairs directory, all with what they can have."""
    directory = tmp_path_factory.mktemp("formats")
    rows = "".join(f"{u},{i},{t},{u}{i}\n" for t, (u, i) in enumerate((u, i) for u in "abc" for i in "pqrst"))
    (directory / "log.csv").write_text(f"user_id,item_id,ts,note\n{rows}a,b\n", encoding="utf-8")
    kept = IngestOptions(keep=("note",))
    ingest(directory / "log.csv", directory / "log.store", replace(kept, bad_rows="skip"))
    augment(directory / "log.store", directory / "log.pairs", AugmentOptions(user_ids="raw"), ingest_options=kept)
    return directory


def test_formats_names_every_table_and_column_of_a_store(made: Path) -> None:
    with duckdb.connect(str(made / "log.store"), read_only=True) as con:
        tables = [row[0] for row in con.sql("show tables").fetchall()]
        assert len(tables) == 6
        for table in tables:
            part = section(f"### Table `{table}`")
            assert [c for c in con.table(table).columns if f"`{c}`" not in part and c != "note"] == []
        meta = {key: json.loads(value) for key, value in con.table("meta").fetchall()}
    part = section("### Table `meta`")
    assert [key for key in meta if f"`{key}`" not in part] == []
    for key in ("ties", "split", "length"):
        assert [name for name in meta[key] if f"`{name}`" not in part] == []


def test_formats_names_the_columns_of_the_rejects_file(made: Path) -> None:
    header = (made / "log.store.rejects.csv").read_text(encoding="utf-8").splitlines()[0]
    part = section("### The rejects file")
    assert [name for name in header.split(",") if f"`{name}`" not in part] == []


def test_formats_names_every_file_column_and_key_of_a_pairs_directory(made: Path) -> None:
    part = section("## The pairs directory")
    manifest = json.loads((made / "log.pairs" / "manifest.json").read_text(encoding="utf-8"))
    assert [path.name for path in (made / "log.pairs").iterdir() if path.name not in part and path.is_file()] == []
    columns = section("### Shards")
    assert [
        c.replace("note", "NAME") for c in manifest["schema"] if f"`{c.replace('note', 'NAME')}`" not in columns
    ] == []
    keys = set(manifest) | keys_of({key: manifest[key] for key in ("source", "split", "strategy", "run", "files")})
    keys |= {"options", "funnel"} | keys_of(manifest["ingest"]["funnel"]) | set(manifest["versions"])
    described = section("### `manifest.json`")
    assert sorted(key for key in keys if f"`{key}`" not in described) == []
    assert set(manifest["ingest"]) == {"options", "funnel"}


def test_formats_names_every_key_of_the_stream(made: Path) -> None:
    part = section("## The stream")
    with augment_stream(made / "log.store", ids="raw") as stream:
        about = json.loads(stream.schema.metadata[b"genpas"])
        names = stream.schema.names
        assert pa.Table.from_batches(stream.batches, stream.schema).num_rows == about["rows"]
    assert list(stream.schema.metadata) == [b"genpas"]
    assert "`user_id`" in part
    assert "user_id" in names
    manifest = json.loads((made / "log.pairs" / "manifest.json").read_text(encoding="utf-8"))
    without = set(re.findall(r"`(\w+)`", part.partition("without")[2].partition("and\nwith")[0]))
    assert set(manifest) - set(about) == without
    assert [key for key in set(about) - set(manifest) if f"| `{key}` |" not in part] == []
