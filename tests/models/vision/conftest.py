"""The real detector."""

from pathlib import Path

import pytest

from models.release.weights import WeightFiles
from models.vision.detector import YuNetDetector


@pytest.fixture(scope="session")
def detector_path(weights: WeightFiles) -> Path:
    """The YuNet network."""
    return weights.detector


@pytest.fixture(scope="session")
def detector(detector_path: Path) -> YuNetDetector:
    """YuNet with its defaults."""
    return YuNetDetector(detector_path)
