"""Residual k-means and truncated SVD in NumPy: the same bytes for any number of threads."""
