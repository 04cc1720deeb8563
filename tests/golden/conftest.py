"""The golden trace is made on a site like those of the door's tests."""

from tests.access.conftest import settings

__all__ = ["settings"]
