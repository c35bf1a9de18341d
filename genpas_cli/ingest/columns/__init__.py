"""Which column is what, and what its values mean: ids, times, missing values."""
