"""Names of outputs that are being built."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli.runtime.atomic_output import finished, unfinished


@pytest.mark.parametrize("path", ["/data/a.comparison", "/data/with.genpas-part.inside/b", "/a", "/data/.hidden"])
@pytest.mark.parametrize("inside", ["", "/pairs/multi-target.pairs"])
def test_a_part_of_an_unfinished_output_has_the_name_of_the_finished_one(path: str, inside: str) -> None:
    assert finished(f"{unfinished(Path(path))}{inside}") == f"{path}{inside}"


@pytest.mark.parametrize(
    "path", ["/data/a.pairs", "s3://bucket/a.pairs", "/data/a.genpas-part/b", "/data/.genpas-part"]
)
def test_other_paths_stay(path: str) -> None:
    assert finished(path) == path
