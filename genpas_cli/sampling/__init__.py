"""The three biased steps of GenPAS (Lee et al., WSDM 2026): draws and exact probabilities, NumPy only.

`kernels` defines the interface of a step's distribution, and `power_law` is the distribution that all three steps of
the paper share; `sequence_sampling` and `input_sampling` are steps 1 and 3, and step 2 is its kernel at k − 1. Each
named rule has a file of its own in `rules/`, and `strategies` is their registry. `shard_plan` divides the total mass
into shards, and `cuts` draws one shard.
"""
