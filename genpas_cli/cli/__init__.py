"""The command line: one thin file a command over `jobs/`. Only here are typer and rich imported."""

from __future__ import annotations

from genpas_cli.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run genpas; the console script's entry."""
    from genpas_cli.cli import augment, ingest, verify  # noqa: F401  # each registers its command

    app(prog_name="genpas")
