"""Real peers: a Mosquitto of its own for each test, and an HTTP server that checks signatures by hand."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.integrations.peers import HookServer, Mosquitto


@pytest.fixture(scope="session")
def mosquitto() -> str:
    """The broker's program; skips with a reason where it is absent, fails where it is required."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
            pytest.fail("DOORWARD_REQUIRE_SERVICES is set, but there is no mosquitto")
        pytest.skip("no mosquitto: install it to run this test")
    return found


@pytest.fixture
def broker(mosquitto: str, tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that keeps nothing over a restart."""
    broker = Mosquitto(mosquitto, tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def hook() -> Iterator[HookServer]:
    """A program that receives webhooks."""
    with HookServer() as server:
        yield server
