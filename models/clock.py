"""`SystemClock` and `SimulatedClock`: the machine's time, and one that moves only when told."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`; nothing happens for 0 or less."""
        if seconds > 0:
            time.sleep(seconds)


class SimulatedClock:
    """A clock that moves only when told: clips, tests and demos that give the same result every time."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def monotonic_s(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_s

    def now(self) -> datetime:
        """The start plus the elapsed time."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds`; nothing happens for 0 or less."""
        self._elapsed_s += max(0.0, seconds)

    def set_elapsed(self, seconds: float) -> None:
        """Move to `seconds` since the start; never back.

        Raises:
            ValueError: that would go back in time.
        """
        if seconds < self._elapsed_s:
            raise ValueError(f"a clock does not go back: {seconds} s is before {self._elapsed_s} s")
        self._elapsed_s = seconds
