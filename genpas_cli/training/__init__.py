"""The reference models, SASRec and TIGER: their training on the pairs of a directory, and their evaluation.

PyTorch is an extra (`pip install 'genpas[train]'`).
"""
