"""Shared foundations: errors, options, machine limits, threads, signals, atomic output, object storage."""
