"""Benchmarks: what is fast, what is small, against what."""
