"""The distribution of training pairs under a choice of kernels, computed from the formulas without drawing (NumPy)."""
