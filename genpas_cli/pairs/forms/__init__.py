"""What pairs may be turned into before they leave: the log's ids, semantic ids, inputs of equal length."""
