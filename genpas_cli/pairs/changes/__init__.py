"""Transformations of pairs on their way to an export: the log's ids, semantic ids, padded inputs."""
