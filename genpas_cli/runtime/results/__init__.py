"""Reports of jobs: as tables, JSON, Arrow tables and data frames."""
