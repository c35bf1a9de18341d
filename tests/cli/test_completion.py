"""What a shell suggests: commands, options, and the values of options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import InProcess, refused

Suggested = Callable[..., list[str]]


@pytest.fixture
def suggested(inside: InProcess, monkeypatch: pytest.MonkeyPatch) -> Suggested:
    """Ask as a shell does."""

    def ask(line: str, shell: str = "bash") -> list[str]:
        words = line.split()
        env = {
            "_GENPAS_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "_TYPER_COMPLETE_ARGS": line,
            "COMP_CWORD": str(len(words) - (line[-1] != " ")), "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }  # fmt: skip
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            done = inside()
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split("\n")

    return ask


VALUES = {
    "genpas aug": {"augment"}, "genpas augment --fo": {"--force", "--form", "--format"},
    "genpas augment --draw ": {"balanced", "independent"}, "genpas augment -s re": {"recency:keep=0.8"},
    "genpas augment --strategy multi": {"multi-target"}, "genpas export x.pairs --to se": {"sequences"},
    "genpas ingest x --split leave-o": {"leave-one-out"}, "genpas augment --format j": {"json", "jsonl"},
    "genpas head x --of t": {"train", "test"},
}  # fmt: skip


@pytest.mark.parametrize("line", VALUES)
def test_values_are_suggested(suggested: Suggested, line: str) -> None:
    assert set(filter(None, suggested(line))) == VALUES[line]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_in_other_shells_too(suggested: Suggested, shell: str) -> None:
    text = "\n".join(suggested("genpas augment --draw b", shell))
    assert "balanced" in text
    assert "independent" not in text


def test_columns_of_the_log_are_suggested(suggested: Suggested, inside: InProcess, log: Path) -> None:
    (inside.cwd / "events.csv").write_text("Who;What bought;When\na;b;1\n", encoding="utf-8")
    assert set(filter(None, suggested(f"genpas augment {log} --user u"))) == {"user_id"}
    assert "What bought" in suggested("genpas ingest events.csv --item W")
    assert suggested("genpas ingest nosuch.csv --item ")[0] == ""


def test_a_shell_named_for_the_completion_is_not_silently_another(inside: InProcess) -> None:
    done = inside("--install-completion", "zsh")
    refused(done, 2, "--install-completion takes no value", "In zsh: genpas --install-completion")
