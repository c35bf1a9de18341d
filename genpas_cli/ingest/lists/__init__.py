"""Columns of lists: a log with one row per user is read as one row per element of its lists."""
