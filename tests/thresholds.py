"""Thresholds that are given, for tests of what is done with them."""

from models.domain import ScoreScale, Threshold
from models.evaluation.thresholds import CalibratedThreshold, GalleryThresholds


def calibrated(value: float, scale: ScoreScale) -> CalibratedThreshold:
    return CalibratedThreshold(Threshold(value, scale), 0.001, 0.001, 0.002, {})


def gallery_thresholds(value: float, scale: ScoreScale, people: int = 1) -> GalleryThresholds:
    """The same threshold for everything."""
    found = calibrated(value, scale)
    return GalleryThresholds(people, found, found, found)
