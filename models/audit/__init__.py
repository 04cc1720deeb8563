"""The chain of events that proves that nothing was changed: pure functions on bytes."""
