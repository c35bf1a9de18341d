"""Figures of the training pairs that a strategy gives, exact or measured on existing pairs; the job of `stats`."""
