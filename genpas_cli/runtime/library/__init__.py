"""Calls from Python: checks of argument types, options as keywords, names imported when they are used."""
