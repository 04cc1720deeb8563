"""Faults of a door, each brought about for real: docs/operations/fail-states.md names these tests."""
