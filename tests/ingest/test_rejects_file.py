"""The rejects file beside an output lists the bad rows of the logs in it, and of no others."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import IngestOptions, UsageError, augment, augment_stream, ingest
from tests.ingest.support import write

SKIP = IngestOptions(bad_rows="skip")
HEADER = "user_id,item_id,timestamp\n"
MINE = "my,own,file\n1,2,3\n"


def log(path: Path, start: int, *bad: str) -> Path:
    good = [f"u{u},i{n},{start + n}" for u in range(3) for n in range(4)]
    return write(path, HEADER + "\n".join([*good, *bad]) + "\n")


def listed(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [(Path(row["file"]).name, row["text"]) for row in csv.DictReader(stream)]


def dropped(report: Any) -> int:
    return sum(step["dropped"] for step in report.funnel if step["step"] == "bad rows")


def test_append_adds_the_bad_rows_of_each_log(tmp_path: Path) -> None:
    store, rejects = tmp_path / "z.store", tmp_path / "z.store.rejects.csv"
    ingest(log(tmp_path / "a.csv", 0, "u0,x,noon"), store, SKIP)
    ingest(log(tmp_path / "b.csv", 10, "u0,y,noon", "u1,y"), store, SKIP, append=True)
    assert ingest(log(tmp_path / "c.csv", 20), store, SKIP, append=True).rejects is None
    assert ingest(log(tmp_path / "d.csv", 30), store, append=True).rejects is None
    report = ingest(log(tmp_path / "e.csv", 40, "u2,z,noon"), store, SKIP, append=True)
    assert report.rejects == str(rejects)
    assert sorted(listed(rejects)) == [
        ("a.csv", "u0,x,noon"), ("b.csv", "u0,y,noon"), ("b.csv", "u1,y"), ("e.csv", "u2,z,noon")
    ]  # fmt: skip
    assert dropped(report) == 4


def test_a_stale_file_is_not_taken_for_that_of_the_store_appended_to(tmp_path: Path) -> None:
    store, rejects = tmp_path / "z.store", tmp_path / "z.store.rejects.csv"
    for bad in ([], ["u0,x,noon"]):
        ingest(log(tmp_path / "old.csv", 0, "u0,x,old"), store, SKIP, force=True)
        stale = rejects.read_bytes()
        ingest(log(tmp_path / "a.csv", 0), store, force=True)
        rejects.write_bytes(stale)
        ingest(log(tmp_path / "b.csv", 10, *bad), store, SKIP, append=True)
        assert (listed(rejects) if rejects.exists() else []) == [("b.csv", line) for line in bad]


@pytest.mark.parametrize("options", [IngestOptions(), SKIP])
def test_force_leaves_no_list_of_the_rows_of_another_log(tmp_path: Path, options: IngestOptions) -> None:
    bad, good = log(tmp_path / "a.csv", 0, "u0,x,noon"), log(tmp_path / "b.csv", 0)
    for output, run in ((tmp_path / "z.store", ingest), (tmp_path / "z.pairs", augment)):

        def make(source: Path, reading: IngestOptions, output: Path = output, run: Any = run) -> None:
            run(source, output, force=True, **{"options" if run is ingest else "ingest_options": reading})

        rejects = output.with_name(f"{output.name}.rejects.csv")
        make(bad, SKIP)
        assert listed(rejects) == [("a.csv", "u0,x,noon")]
        make(good, options)
        assert not rejects.exists()
        rejects.write_text(MINE)
        make(good, IngestOptions())
        assert rejects.read_text() == MINE
        with pytest.raises(UsageError, match="not a rejects file written by genpas"):
            make(good, SKIP)


def test_pairs_of_a_store_have_no_bad_rows(tmp_path: Path) -> None:
    augment(log(tmp_path / "a.csv", 0, "u0,x,noon"), tmp_path / "z.pairs", ingest_options=SKIP)
    ingest(log(tmp_path / "b.csv", 0), tmp_path / "b.store")
    augment(tmp_path / "b.store", tmp_path / "z.pairs", force=True)
    assert not (tmp_path / "z.pairs.rejects.csv").exists()


def test_without_force_the_file_of_an_earlier_run_is_kept(tmp_path: Path) -> None:
    bad = log(tmp_path / "a.csv", 0, "u0,x,noon")
    ingest(bad, tmp_path / "z.store", SKIP)
    (tmp_path / "z.store").unlink()
    with pytest.raises(UsageError, match="already exists; it lists the bad rows of an earlier run") as caught:
        ingest(bad, tmp_path / "z.store", SKIP)
    assert "--force, or rename it" in str(caught.value.tip)


def test_a_stopped_run_is_resumed_and_a_stream_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    bad = log(tmp_path / "a.csv", 0, "u0,x,noon")
    write(tmp_path / "z.pairs.rejects.csv", "file,line,reason,text\n")  # as a run that was killed leaves it
    augment(bad, tmp_path / "z.pairs", ingest_options=SKIP, resume=True)
    assert listed(tmp_path / "z.pairs.rejects.csv") == [("a.csv", "u0,x,noon")]
    for _ in range(2):
        with augment_stream(bad, ingest_options=SKIP) as stream:
            assert stream.to_arrow().num_rows
    assert listed(tmp_path / "a.pairs.rejects.csv") == [("a.csv", "u0,x,noon")]
