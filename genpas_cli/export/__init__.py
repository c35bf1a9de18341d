"""Pairs in the formats that other trainers read: the job, and one file a format."""
