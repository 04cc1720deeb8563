"""Pretrained weights by pinned hash, and releases: network, preprocessing and thresholds as one unit."""
