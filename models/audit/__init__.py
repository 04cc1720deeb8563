"""The event log's proofs: canonical bytes, hash chain, Merkle trees, signed checkpoints; pure functions."""
