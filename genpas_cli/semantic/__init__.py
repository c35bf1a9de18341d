"""Semantic ids: codes of items, by residual k-means of item vectors; their quality, and back from codes to items."""
