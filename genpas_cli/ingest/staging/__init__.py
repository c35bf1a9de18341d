"""From files to one table with a row for each interaction; what cannot be used goes to the rejects."""
