"""The files of a log: finding them, opening their bytes, and refusing files that are not logs."""
