"""Exports pairs to the formats of other trainers: the job, and one module per format."""
