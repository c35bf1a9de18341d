"""Names of outputs that are being built."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from genpas_cli.runtime.atomic_output import building, finished, unfinished
from tests.support import interrupted_after


@pytest.mark.parametrize("path", ["/data/a.comparison", "/data/with.genpas-part.inside/b", "/a", "/data/.hidden"])
@pytest.mark.parametrize("inside", ["", "/pairs/multi-target.pairs"])
def test_a_part_of_an_unfinished_output_has_the_name_of_the_finished_one(path: str, inside: str) -> None:
    assert finished(f"{unfinished(Path(path))}{inside}") == f"{path}{inside}"


@pytest.mark.parametrize(
    "path", ["/data/a.pairs", "s3://bucket/a.pairs", "/data/a.genpas-part/b", "/data/.genpas-part"]
)
def test_other_paths_stay(path: str) -> None:
    assert finished(path) == path


def build(output: Path) -> None:
    with building(output, force=False, foreign=lambda _: None) as new:
        new.write_text("whole", encoding="utf-8")


@pytest.mark.parametrize(
    ("owner", "name"), [(os, "open"), (fcntl, "flock"), (os, "read"), (os, "pwrite"), (Path, "mkdir")]
)
def test_an_interrupt_while_the_lock_is_taken_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    monkeypatch.setattr(owner, name, interrupted_after(getattr(owner, name)))
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_the_lock_is_released_leaves_only_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.unlink

    def interrupted(path: Path, *, missing_ok: bool = False) -> None:
        signal.raise_signal(signal.SIGINT)
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
