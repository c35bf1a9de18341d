"""Text for people: what a terminal may show, how numbers are written, the order of names."""
