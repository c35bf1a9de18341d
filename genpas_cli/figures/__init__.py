"""What a choice of kernels does to the training pairs: exact, or measured on pairs; the jobs of stats."""
