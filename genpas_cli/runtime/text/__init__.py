"""Text for people: escaping control characters, formatting numbers, natural order of names."""
