"""Bytes on disk: atomic files, hashes, keys and encryption."""
