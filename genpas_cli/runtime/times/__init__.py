"""Times in logs: their units, their written forms, and the SQL that reads them."""
