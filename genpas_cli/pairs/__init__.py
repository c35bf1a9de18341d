"""The pairs directory: cuts become Arrow batches; shards, the manifest, reading them back, the data card."""
