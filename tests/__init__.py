"""The tests of Doorward. `tests/` mirrors the rooms, without a `tests/models/` package."""
