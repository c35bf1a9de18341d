"""DuckDB: connections with limits, and the quoting of names and texts in SQL."""
