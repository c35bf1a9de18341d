"""JSON that is read back: its shape, and the digest that it carries of itself."""
