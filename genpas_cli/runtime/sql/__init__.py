"""DuckDB: connections with limits, quoting of names and texts, and the conditions that users write in SQL."""
