"""What happens to the sorted rows: repeats, k-core, sessions, split and numbers."""
