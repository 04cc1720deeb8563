"""The browser of the tests."""

import os
import shutil

import pytest

SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; skips with a reason where it is not, fails where it is required."""
    found = os.environ.get("DOORWARD_CHROMIUM") or shutil.which("chromium")
    if found is None:
        if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
            pytest.fail("DOORWARD_REQUIRE_SERVICES is set, but there is no Chromium")
        pytest.skip("no Chromium: set DOORWARD_CHROMIUM to run this test")
    return found
