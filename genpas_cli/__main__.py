"""`python -m genpas_cli` is `genpas`."""

from genpas_cli.cli import main

if __name__ == "__main__":
    main()
