"""`CaptureTimes`: finds out when the pictures of a network camera were taken, and which came too late.

A connection that stalls hands over afterwards everything that it held back, at once: each of these pictures
arrives now and was taken long ago.
"""

REAL_TIME_SHARE = 0.8
"""A stream is catching up when its pictures arrive in less than this share of the time between them."""

DRIFT = 1e-3
"""By this much a camera's clock may run slower than this machine's: 1 ms each second, ten times what a quartz
crystal is off. What a stream falls behind more slowly than this is not noticed."""

WAITED_SHARE = 0.5
"""A read that took less than this share of the usual interval has not waited for the camera: the picture was
in the buffer already."""

SMOOTHING = 0.1
"""The weight of the newest interval in the usual one."""


class CaptureTimes:
    """Tells late pictures of one connection from fresh ones.

    RTSP streams have a time stamp with each picture, on a clock of the camera's. The smallest difference seen
    between arrival and stamp stands for a picture that came without delay; what is above it is delay. The
    constant part of the delay, in the camera and on the way, cannot be seen.

    MJPEG over HTTP has no stamps. There every picture after a pause that is longer than the usual interval by
    `stale_s` counts as late until one has been waited for, since only then nothing older is in the buffer.

    Args:
        stale_s: a picture delayed by more than this is late, in seconds.
    """

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._latest: tuple[float, float] | None = None  # stamp and arrival of the latest picture
        self._offset_s: float | None = None
        self._settled = False
        self._arrived_s: float | None = None
        self._interval_s: float | None = None
        self._behind = False

    def captured_at_s(self, stamp_s: float | None, asked_s: float, arrived_s: float) -> float | None:
        """When a picture was taken, on the clock of `arrived_s`; None when it came too late to be used.

        The results never go back. The first pictures of a connection are late as long as they arrive faster
        than they were taken: a camera may begin with what it had in store.

        Args:
            stamp_s: the picture's time stamp, in seconds of the stream's clock; None without one.
            asked_s, arrived_s: when the picture was asked for and when it was there, never going back.
        """
        if stamp_s is None:
            return self._by_waiting(asked_s, arrived_s)
        latest, self._latest = self._latest, (stamp_s, arrived_s)
        difference_s = arrived_s - stamp_s
        if latest is None or self._offset_s is None:
            self._offset_s = difference_s
            return None
        taken_in_s, arrived_in_s = stamp_s - latest[0], arrived_s - latest[1]
        self._offset_s = min(self._offset_s + DRIFT * arrived_in_s, difference_s)
        self._settled = self._settled or 0 < taken_in_s * REAL_TIME_SHARE <= arrived_in_s
        delay_s = difference_s - self._offset_s
        return arrived_s - delay_s if self._settled and delay_s <= self._stale_s else None

    def _by_waiting(self, asked_s: float, arrived_s: float) -> float | None:
        before_s, self._arrived_s = self._arrived_s, arrived_s
        if before_s is None:
            return arrived_s
        interval_s = arrived_s - before_s
        usual_s = interval_s if self._interval_s is None else self._interval_s
        if self._behind:
            self._behind = arrived_s - asked_s < WAITED_SHARE * usual_s
        elif interval_s > usual_s + self._stale_s:
            self._behind = True
        else:
            self._interval_s = usual_s + SMOOTHING * (interval_s - usual_s)
        return None if self._behind else arrived_s
