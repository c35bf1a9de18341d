"""What `ingest` does with the sorted rows of whole users, in NumPy: repeats, k-core, sessions, merging, split."""
