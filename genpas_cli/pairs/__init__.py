"""The pairs directory: gathering pairs from cuts, its shards, manifest and data card, and reading them back."""
