"""Finds the roles of columns and interprets their values: ids, times, missing values."""
