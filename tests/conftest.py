"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from models.release.weights import WeightFiles, ensure_weights

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real faces; skips with a reason where it is absent, fails where it is required."""
    folder = Path(os.environ.get("DOORWARD_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "lfw_dev" / "images").is_dir():
        if os.environ.get("DOORWARD_REQUIRE_SHARED"):
            pytest.fail(f"DOORWARD_REQUIRE_SHARED is set, but there are no real faces at {folder}")
        pytest.skip(f"no real faces at {folder.name}: set DOORWARD_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def weights() -> WeightFiles:
    """The pretrained networks, fetched once for the working copy."""
    return ensure_weights(ROOT / ".doorward" / "weights")
