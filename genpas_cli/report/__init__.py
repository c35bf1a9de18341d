"""The HTML pages: of `stats`, `tune` and `compare`."""
