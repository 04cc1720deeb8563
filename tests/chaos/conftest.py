"""The broker's program, as for the tests of what is sent to it."""

from tests.access.integrations.conftest import mosquitto

__all__ = ["mosquitto"]
