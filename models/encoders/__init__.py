"""A released network, ready to embed crops fast."""
