"""Bytes on disk: atomic files, hashes, keys and encryption. Knows nothing of people or networks."""
