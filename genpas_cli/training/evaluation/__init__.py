"""The accuracy of models by full ranking."""
