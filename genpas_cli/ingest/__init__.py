"""What a log looks like: sources, formats, columns, time, cleaning, ordering, split."""
