"""What a choice of kernels does to the training pairs, computed from the formulas: no pair is drawn (NumPy only)."""
