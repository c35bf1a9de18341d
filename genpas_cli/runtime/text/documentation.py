"""Addresses of the pages of the documentation, for messages."""

from __future__ import annotations

_SITE = "https://genpas.github.io/genpas/"


def page(path: str) -> str:
    """Return the address of a page.

    Args:
        path: path of the page below `docs/`, without `.md`, such as `explanation/figures`.
    """
    return f"{_SITE}{path}/"
