"""Reads logs into a store: sources, formats, columns, times, cleaning, ordering, numbering, split."""
