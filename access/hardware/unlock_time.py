"""`check_unlock_time`: what every lock accepts as the time to stay unlocked."""

import math


def check_unlock_time(seconds: float) -> None:
    """Raise ValueError when `seconds` is not a finite number above 0."""
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"a lock is unlocked for a number of seconds above 0, not {seconds}")
