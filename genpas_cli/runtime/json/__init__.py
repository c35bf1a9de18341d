"""Verification of JSON files that genpas reads back: their shape and their digest."""
