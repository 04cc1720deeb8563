"""Pretrained weights by pinned hash, and releases: networks that this site trained, checked by hash."""
