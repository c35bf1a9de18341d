"""The store, one DuckDB file: its schema and its only owner, and what cutting reads of its users."""
