"""`genpas doctor`: what is there, what is missing, and an exit code for what does not work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genpas_cli.runtime.doctor import examine
from genpas_cli.runtime.machine import MachineOptions
from tests.support import Genpas, InProcess

MACHINE = 3


def test_it_names_versions_extras_and_limits(genpas: Genpas) -> None:
    done = genpas("doctor", "--memory-limit", "2GB", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("Python", "duckdb", "pyarrow", "extra train", "Java", "GPU", "1 of", "2.0 GB usable", "free at"):
        assert words in done.stdout


def test_json_has_the_same(inside: InProcess) -> None:
    found = {each["name"]: each for each in inside.json("doctor", "--json")["findings"]}
    assert found["genpas"]["state"] == "ok"
    assert {each["state"] for each in found.values()} <= {"ok", "missing"}


def test_what_is_missing_and_optional_is_no_problem(genpas: Genpas) -> None:
    done = genpas.with_env(JAVA_HOME="/nowhere")("doctor", "--json")
    java = next(each for each in json.loads(done.stdout)["findings"] if each["name"] == "Java")
    assert (done.returncode, java["state"], java["found"]) == (0, "missing", "not found")
    assert "Java 17" in java["advice"]


def test_a_place_that_does_not_answer_is_a_problem(genpas: Genpas) -> None:
    done = genpas.with_env(AWS_ENDPOINT_URL="http://127.0.0.1:9")("doctor", "s3://bucket/logs")
    assert done.returncode == MACHINE
    assert "\n!! s3://bucket/logs" in done.stdout
    assert "1 problem" in done.stderr


def test_a_disk_that_cannot_be_written_to_is_a_problem(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    found = {each.name: each for each in examine(MachineOptions(temp_dir=str(tmp_path)), (), lambda: None)}
    assert found["temporary files"].state == "problem"
    assert str(tmp_path) in found["temporary files"].found
