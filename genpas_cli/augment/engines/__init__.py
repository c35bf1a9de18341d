"""What runs the shards of a plan."""
