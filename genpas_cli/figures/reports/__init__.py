"""Reports of the two kinds of sources: exact figures of a store, measured figures of existing pairs."""
