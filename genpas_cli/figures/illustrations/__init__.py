"""Data that only the HTML report draws; no chart library is imported here."""
