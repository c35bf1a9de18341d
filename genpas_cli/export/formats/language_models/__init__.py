"""Texts for language models: templates, and the layouts of conversations that trainers read."""
