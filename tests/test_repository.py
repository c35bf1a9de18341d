"""What people and tools look for at the top of a repository is there, and agrees with the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.support import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(text("pyproject.toml"))["project"]


def test_one_version_everywhere() -> None:
    newest = re.search(r"^## \[(.+)\] - (unreleased|\d{4}-\d{2}-\d{2})$", text("CHANGELOG.md"), re.MULTILINE)
    assert newest
    cited = re.search(r"^version: (.+)$", text("CITATION.cff"), re.MULTILINE)
    assert cited
    assert newest[1] == cited[1] == PROJECT["version"]
    # The commit of a release: `git tag` fails where there is no repository, as in a source distribution.
    git = shutil.which("git") or "false"
    done = subprocess.run([git, "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    for tag in filter(re.compile(r"v\d").match, done.stdout.split()):
        assert tag == f"v{newest[1]}"
        assert newest[2] != "unreleased"


def test_badges_say_what_the_project_says() -> None:
    badges = re.findall(
        r"^!\[(.+?)\]\(https://img\.shields\.io/badge/(.+?)-(.+?)-blue\)$", text("README.md"), re.MULTILINE
    )
    assert badges == [
        (f"Python {PROJECT['requires-python'].removeprefix('>=')} or newer", "python", "3.11_or_newer"),
        (f"Licence: {PROJECT['license'].replace('-', ' ')}", "licence", "Apache_2.0"),
    ]


def test_every_extra_that_is_named_exists() -> None:
    extras = PROJECT["optional-dependencies"]
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run", *(ROOT / "docs").rglob("*.md")]
    files += [*(ROOT / "genpas_cli").rglob("*.py"), *(ROOT / ".github").rglob("*.yml")]
    named = {
        extra
        for file in files
        for extra_list in re.findall(r"(?:genpas|whl|\.)\[([a-z,]+)\]'", file.read_text(encoding="utf-8"))
        for extra in extra_list.split(",")
    }
    assert named >= {"dev", "docs", "grid", "report", "spark", "train"}
    assert named <= set(extras)


def test_the_constraints_fit_the_requirements_and_name_no_index() -> None:
    lines = [line for line in text("requirements/constraints.txt").splitlines() if not line.startswith("#")]
    pinned: dict[str, list[str]] = {}
    for line in lines:
        found = re.fullmatch(r"([a-z0-9-]+)==([\w.]+)( ; .+)?", line)
        assert found, line
        pinned.setdefault(found[1], []).append(found[2])
    required = [
        *PROJECT["dependencies"],
        *(each for extra in PROJECT["optional-dependencies"].values() for each in extra),
    ]
    for requirement in map(Requirement, required):
        assert pinned.get(requirement.name), (
            f"{requirement}: write requirements/constraints.txt again, see CONTRIBUTING"
        )
        for version in pinned[requirement.name]:
            assert requirement.specifier.contains(version), f"{requirement} {version}"


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
