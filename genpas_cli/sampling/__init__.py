"""The three biased steps of GenPAS (Lee et al., WSDM 2026): draws and exact probabilities, NumPy only.

`power_law` holds the kernel that all three steps share; `sequence_sampling`, `target_sampling` and `input_sampling`
are the steps; `strategies` names the triples; `shard_plan` cuts the whole mass into shards, `cuts` draws one shard.
"""
