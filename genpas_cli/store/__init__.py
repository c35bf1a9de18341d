"""The store, one DuckDB file: its schema, reading and writing it, and the sequences that cutting needs."""
