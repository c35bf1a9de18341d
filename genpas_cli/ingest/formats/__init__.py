"""What a file is, told by its content, and how it becomes a relation with named columns."""
