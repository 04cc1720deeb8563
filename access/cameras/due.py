"""`newest_due`: which picture of a recording is on show now."""

import math

CLOCK_ROUNDING = 1e-6
"""Of a frame: the time at which a picture is due must not miss it by a rounding error."""


def newest_due(elapsed_s: float, fps: float, next_index: int) -> int:
    """The number of the newest picture that is due, as a live camera would deliver it.

    Args:
        elapsed_s: seconds since picture 0 was due, by the clock of the recording.
        fps: pictures per second.
        next_index: the first picture that was not delivered yet; the reader waits for it when none is due.
    """
    return max(next_index, math.floor(elapsed_s * fps + CLOCK_ROUNDING))
