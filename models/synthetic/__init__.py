"""People who do not exist: faces, head turns and scenes for the demo, the tests and the benchmarks."""
