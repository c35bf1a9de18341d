"""The reference model: a small SASRec, its training on the pairs of a directory, its evaluation by full ranking.

PyTorch is an extra (`pip install 'genpas[train]'`).
"""
