"""`FreezeDetector`: notices that a camera delivers the same picture again and again."""

import numpy as np

from models.domain import ImageArray

SAMPLE_STEP_PX = 8
UNCHANGED_GREY_LEVELS = 0.05


class FreezeDetector:
    """Measures for how long the picture has not changed.

    Two pictures of a working sensor differ everywhere, even of an empty room: noise of one grey level gives a
    mean absolute difference near 1. A stuck picture gives 0, and stays near 0 when it is compressed anew.
    Pictures are compared with the *first* of an unchanged run, not with their predecessor, so that slow
    change counts as change. Video compression may repeat blocks exactly between two key frames: choose a
    limit longer than their distance.
    """

    def __init__(self, unchanged_grey_levels: float = UNCHANGED_GREY_LEVELS) -> None:
        self._limit = unchanged_grey_levels
        self._reference: ImageArray | None = None
        self._since_s = 0.0

    def unchanged_s(self, image: ImageArray, t_s: float) -> float:
        """For how many seconds, until `t_s`, the picture has been the same; 0 when it has just changed.

        Args:
            image: uint8 (H, W, 3); every eighth pixel both ways is looked at.
            t_s: when it was taken, in monotonic seconds.
        """
        sample = image[::SAMPLE_STEP_PX, ::SAMPLE_STEP_PX].copy()
        if self._reference is None or self._differs(sample, self._reference):
            self._reference = sample
            self._since_s = t_s
        return t_s - self._since_s

    def _differs(self, sample: ImageArray, reference: ImageArray) -> bool:
        if sample.shape != reference.shape:
            return True
        difference = np.abs(sample.astype(np.int16) - reference)
        return float(difference.mean()) > self._limit
