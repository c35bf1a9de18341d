"""Every public report shows as tables, and its JSON, its frames and its command line say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import genpas_cli as library
from genpas_cli import MachineError, UsageError
from genpas_cli.runtime.results import frames
from genpas_cli.runtime.results.reports import Report, ShownTable, TableReport, json_value
from tests.support import InProcess, small_log

SMALL: Any = {"steps": 4, "round_steps": 2, "dim": 8, "batch_size": 16, "threads": 1}
SMALL_FLAGS = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def _search(out: Path, **keywords: Any) -> library.TuneReport:
    return library.tune("log.store", alpha="0,1", beta=0.5, gamma="0,inf", output=out, **keywords)


# Report → how a function makes it in a directory with log.csv, log.store and log.pairs, and the command of its JSON.
REPORTS: dict[str, tuple[Callable[[Path], Report], list[str]]] = {
    "IngestReport": (lambda out: library.ingest("log.csv", out), ["ingest", "log.csv", "-o", "OUT"]),
    "IngestPlan": (lambda _: library.plan_ingest("log.csv"), ["ingest", "log.csv", "--dry-run"]),
    "AugmentReport": (lambda out: library.augment("log.csv", out, alpha=0.5),
                      ["augment", "log.csv", "-o", "OUT", "--alpha", "0.5"]),
    "MergeReport": (lambda out: library.merge(["log.part-1-of-1"], out), ["merge", "log.part-1-of-1", "-o", "OUT"]),
    "VerifyReport": (lambda _: library.verify("log.pairs"), ["verify", "log.pairs"]),
    "StatsReport": (lambda _: library.stats("log.store"), ["stats", "log.store"]),
    "TuneReport": (_search, ["tune", "log.store", "--alpha=0,1", "--beta=0.5", "--gamma=0,inf"]),
    "TrainReport": (lambda out: library.train("log.pairs", out, **SMALL),
                    ["train", "log.pairs", "-o", "OUT", *SMALL_FLAGS]),
    "CompareReport": (lambda out: library.compare("log.store", out, seeds=2, strategy=["1,0,0", "multi-target"],
                                                  **SMALL),
                      ["compare", "log.store", "-o", "OUT", "--seeds", "2", "-s", "1,0,0", "-s", "multi-target",
                       *SMALL_FLAGS]),
    "ExportReport": (lambda out: library.export("log.pairs", out, to="jsonl"),
                     ["export", "log.pairs", "-o", "OUT", "--to", "jsonl"]),
    "SemanticIdsReport": (lambda out: library.semantic_ids("log.store", f"{out}.parquet", codes=4),
                          ["semantic-ids", "log.store", "-o", "OUT.parquet", "--codes", "4"]),
    "SplitReport": (lambda _: library.split_stats("split"), ["stats", "--split-of", "split"]),
    "Head": (lambda _: library.head("log.pairs", 3), ["head", "log.pairs", "-n", "3"]),
}  # fmt: skip
TABLES = ("StatsReport", "SplitReport", "TuneReport", "TrainReport", "CompareReport", "Head")

_OF_THE_RUN = {"seconds", "run", "output", "store", "model", "digest", "sha256"}
"""Keys whose values differ from run to run."""


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stable(each) for key, each in value.items() if key not in _OF_THE_RUN}
    return [_stable(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reports")
    (root / "log.csv").write_text(small_log(), encoding="utf-8")
    library.ingest(root / "log.csv", root / "log.store")
    library.augment(root / "log.store", root / "log.pairs")
    library.augment(root / "log.store", root / "log", part="1/1")
    library.export(root / "log.store", root / "split", to="splits")
    return root


@pytest.fixture(scope="module")
def reports(place: Path) -> Callable[[str], Report]:
    made: dict[str, Report] = {}

    def report(name: str) -> Report:
        if name in ("TrainReport", "CompareReport"):
            pytest.importorskip("torch", reason="the extra `train` is not installed")
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(place)
                made[name] = REPORTS[name][0](Path(f"{name}.out"))
        return made[name]

    return report


def test_these_are_all_reports() -> None:
    public = {name for name in library.__all__ if isinstance(found := getattr(library, name), type)
              and issubclass(found, Report)}  # fmt: skip
    assert public == set(REPORTS)
    assert {name for name in library.__all__ if name.endswith(("Report", "Plan"))} <= public
    assert {name for name in public if issubclass(getattr(library, name), TableReport)} == set(TABLES)


@pytest.mark.parametrize("name", REPORTS)
def test_the_dict_is_what_the_command_prints_as_json(
    reports: Callable[[str], Report], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected = reports(name).to_dict()
    monkeypatch.chdir(place)
    command, *words = [word.replace("OUT", str(tmp_path / "out")) for word in REPORTS[name][1]]
    json_flag = [] if "--dry-run" in words else ["--json"]
    done = InProcess(place, tmp_path)(command, *words, *json_flag)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert set(printed) - {"genpas"} == set(expected)
    assert _stable(printed) == _stable({"genpas": printed["genpas"]} | expected)
    assert json.loads(json.dumps(expected)) == expected, "has values that JSON does not have"


@pytest.mark.parametrize("name", REPORTS)
def test_it_fits_on_a_screen(reports: Callable[[str], Report], name: str) -> None:
    report = reports(name)
    for text in (repr(report), str(report)):
        first, *lines = text.splitlines()
        assert first == name
        assert 1 <= len(lines) <= 30
        assert "object at 0x" not in text
        assert f"{name}(" not in text


class _Cells(HTMLParser):
    """The texts of the cells, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.tags.add(tag)
        self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1] in ("td", "th"):
            self.cells[-1] += data


def cells_of(report: Report) -> _Cells:
    found = _Cells()
    found.feed(report._repr_html_())
    found.close()
    assert found._open == []
    return found


TAGS = {"div", "strong", "small", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("name", REPORTS)
def test_a_notebook_shows_the_same_tables(reports: Callable[[str], Report], name: str) -> None:
    report = reports(name)
    found = cells_of(report)
    assert found.tags <= TAGS
    expected = []
    for table in report.shown():
        assert {len(row) for row in table.rows} <= {len(table.headings)}
        heads = list(table.headings) if any(table.headings[2:]) else []
        expected += [*heads, *(cell for row in table.rows for cell in row)]
    assert found.cells == expected
    assert len(expected) > 3
    assert "color: inherit" in report._repr_html_(), "a dark theme has light text"


HOSTILE = "<script>alert(1)</script>&amp;\"'\x1b[31m\n"


def test_hostile_ids_are_escaped(tmp_path: Path) -> None:
    rows = [(f"u{n % 4}{HOSTILE}", f"i{n}{HOSTILE}", n) for n in range(40)]
    log = pa.table({f"c{n}": values for n, values in enumerate(zip(*rows, strict=True))})
    log = log.rename_columns(["user_id", "item_id", "timestamp"])
    shown = library.head(log, 3)
    assert shown.rows[0][0] == rows[0][0], "the data itself is as it was"
    store = library.ingest(log, tmp_path / f"{HOSTILE.replace('/', '')}.store")
    for report in (shown, store):
        found = cells_of(report)
        assert found.tags <= TAGS
        assert any("<script>" in cell for cell in found.cells), "shown as a text"
        for text in (repr(report), report._repr_html_()):
            assert "\x1b" not in text
        assert "<script" not in report._repr_html_()
        assert r"\n" in report._repr_html_()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_same_rows_in_every_library(reports: Callable[[str], Report], name: str) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("polars", reason="Polars is not installed")
    report = reports(name)
    assert isinstance(report, TableReport)
    table = report.to_arrow()
    assert table.num_rows >= 2
    assert table.column_names == list(report.by_column())
    pandas, polars = report.to_frame(), report.to_frame("polars")
    assert (list(pandas.columns), len(pandas)) == (table.column_names, table.num_rows)
    assert polars.to_arrow().to_pylist() == table.to_pylist()
    assert pa.table(report).equals(table)  # by `__arrow_c_stream__`


def test_the_columns_of_stats_are_those_of_its_csv(
    place: Path, tmp_path: Path, reports: Callable[[str], Report]
) -> None:
    stats: Any = reports("StatsReport")
    lines = InProcess(place, tmp_path)("stats", "log.store", "--csv").stdout.splitlines()
    assert lines[0].split(",") == stats.to_arrow().column_names
    assert len(lines) == 1 + stats.to_arrow().num_rows
    assert stats.to_arrow()["beta"].to_pylist() == [float("inf"), 0.0, 1.0, 0.0]


def test_a_missing_library_is_named(reports: Callable[[str], Report], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "find_spec", lambda _: None)
    head: Any = reports("Head")
    for library_, call in (("pandas", head.to_pandas), ("polars", head.to_polars), ("pandas", head.to_frame)):
        with pytest.raises(MachineError) as caught:
            call()
        assert f"needs {library_}, which is not installed" in caught.value.message
        assert f"pip install {library_}" in str(caught.value.tip)
    with pytest.raises(UsageError, match="library is 'arrow'; it must be 'pandas' or 'polars'"):
        head.to_frame("arrow")
    assert head.to_arrow().num_rows == 3


def test_importing_the_library_imports_no_frames() -> None:
    code = "import sys, genpas_cli; genpas_cli.stats; print({'pandas', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_column_of_mixed_values_becomes_text() -> None:
    table = frames.arrow_table({"a": [1, "x", None], "b": [None, None, None]})
    assert table.to_pylist() == [{"a": "1", "b": None}, {"a": "x", "b": None}, {"a": None, "b": None}]


def test_reports_compare_by_their_fields(reports: Callable[[str], Report]) -> None:
    head: Any = reports("Head")
    assert head == type(head)(**{field.name: getattr(head, field.name) for field in fields(head)})
    assert json_value(ShownTable(("a",), [("b",)])) == {"headings": ["a"], "rows": [["b"]], "notes": []}
