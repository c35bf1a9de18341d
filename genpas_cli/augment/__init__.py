"""From a store or logs to a pairs directory: planning, the engines, merge and verify."""
