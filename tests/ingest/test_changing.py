"""A log that changes while it is read is an error: half of it would be the old one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import DataError, IngestOptions, ingest
from genpas_cli.ingest.columns import mixed_units
from genpas_cli.ingest.staging import staging

ROWS = "".join(f"u{n % 40},i{n % 7},{1000 + n}\n" for n in range(400))


def _appended(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("u1,i1,5000\n")


def _replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_text(path.read_text("utf-8"), "utf-8")
    other.replace(path)


def _same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text(path.read_text("utf-8").replace("u1,i1", "u2,i1"), "utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a row more": _appended,
    "emptied": lambda path: path.write_text(""),
    "was interrupted": lambda path: os.truncate(path, 300),
    "removed": Path.unlink,
    "another file of its name": _replaced,
    "other bytes, the same size and time": _same_size_and_time,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["open_log", "load", "same_content"])
def test_a_log_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, when: str
) -> None:
    """The change comes before columns are found, before rows are staged, and after."""
    log, step = tmp_path / "log.csv", getattr(staging, when)
    log.write_text("user_id,item_id,timestamp\n" + ROWS, encoding="utf-8")

    def changing(*args: Any, **kwargs: Any) -> Any:
        CHANGES[change](log)
        return step(*args, **kwargs)

    monkeypatch.setattr(staging, when, changing)
    with pytest.raises(DataError, match=r"log\.csv changed while genpas was reading it"):
        ingest(log, tmp_path / "o.store", IngestOptions(threads=1))
    assert not (tmp_path / "o.store").exists()


def test_one_of_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file is staged already when it changes."""
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("user_id,item_id,timestamp\n" + ROWS.replace("u", name), "utf-8")
    check = mixed_units.check_units

    def changing(*args: Any, **kwargs: Any) -> Any:
        _appended(tmp_path / "a.csv")
        return check(*args, **kwargs)

    monkeypatch.setattr(staging, "check_units", changing)
    with pytest.raises(DataError, match=r"a\.csv changed while genpas was reading it"):
        ingest([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "o.store")
