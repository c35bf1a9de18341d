"""Passes over the sorted rows: repeats, k-core, sessions, split and numbering."""
