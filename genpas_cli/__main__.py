"""`python -m genpas_cli` is `genpas`."""

from genpas_cli.cli import run

if __name__ == "__main__":
    run()
