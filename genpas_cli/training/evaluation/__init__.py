"""The accuracy of models on held-out pairs."""
