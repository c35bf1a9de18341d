"""Exports of a store: its interactions in the parts of a split, and whole sequences of users."""
