"""Codes of items (semantic ids): files of codes, the codes of each item number, and items with equal codes."""
