"""Formats that one trainer reads, one module per format."""
