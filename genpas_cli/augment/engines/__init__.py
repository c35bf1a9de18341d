"""The engines that write the shards of a plan: threads on one machine, and Spark."""
