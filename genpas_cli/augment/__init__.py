"""From a store, or logs, to a pairs directory: the plan, the engines that run it, merge and verify."""
