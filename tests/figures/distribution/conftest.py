"""How hypothesis runs here."""

from __future__ import annotations

from hypothesis import settings

# A deadline on one example fails where the machine is busy, not where the code is wrong.
settings.register_profile("genpas", deadline=None, max_examples=60)
settings.load_profile("genpas")
