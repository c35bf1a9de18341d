"""What people and tools look for at the top of a repository is there, and agrees with the rest."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version_everywhere() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^version: {re.escape(version)}$", text("CITATION.cff"), re.MULTILINE)
    assert f"## [{version}]" in text("CHANGELOG.md") or "## [Unreleased]" in text("CHANGELOG.md")


def test_hooks_and_workflow_run_what_ci_runs() -> None:
    ci, hooks = text(".ci/run"), text(".pre-commit-config.yaml")
    for check in ("ruff check", "ruff format", "mypy", "lint-imports", "docs/generate.py --check"):
        assert check in ci
        assert f"entry: {check}" in hooks or f"entry: python {check}" in hooks
    assert "- run: .ci/run" in text(".github/workflows/ci.yml")


def test_the_guide_names_commands_that_exist() -> None:
    guide = text("CONTRIBUTING.md")
    assert "pip install -e '.[dev]'" in guide
    for path in re.findall(r"`(?:pytest|python) ((?:tests|docs)/[\w/.-]+)", guide):
        assert (ROOT / path).exists() or "PAGE" in path, path
    for link in re.findall(r"\]\(([^)]+)\)", guide):
        assert (ROOT / link).exists(), link


def test_what_machines_read_is_valid() -> None:
    yaml = pytest.importorskip("yaml")
    files = [*ROOT.glob(".github/**/*.yml"), ROOT / "CITATION.cff", ROOT / ".pre-commit-config.yaml"]
    assert len(files) >= 5
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
