"""The three biased steps of GenPAS (Lee et al., WSDM 2026): draws and exact probabilities, NumPy only.

`kernels` says what a step needs of a distribution, and `power_law` is the one that all three steps of the paper share;
`sequence_sampling` and `input_sampling` are steps 1 and 3, step 2 is its kernel at k − 1. Each rule that has a name
stands in a file of its own (`multi_target`, `recency`, ...), and `strategies` is their registry. `shard_plan` cuts the
whole mass into shards, and `cuts` draws one shard.
"""
