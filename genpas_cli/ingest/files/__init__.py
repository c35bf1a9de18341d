"""The files of a log: which they are, how their bytes are opened, and what is no log at all."""
