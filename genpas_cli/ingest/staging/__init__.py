"""Loads files into one table with a row per interaction; bad rows go to the rejects."""
