"""Synthetic people: faces, head turns and scenes for the demo, the tests and the benchmarks."""
