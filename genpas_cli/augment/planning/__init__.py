"""The plan of `augment`: what would be written, and the resources it would take."""
