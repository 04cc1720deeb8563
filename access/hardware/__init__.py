"""`open_lock`: makes the lock that the settings name. docs/extend/lock.md says how to add a kind."""

from collections.abc import Callable
from typing import Any

from access.hardware.simulated import SimulatedLock
from models.ports import Clock, Lock
from models.settings.lock import LockSettings


def open_lock(settings: LockSettings, clock: Clock) -> Lock:
    """The lock of the kind `settings.kind`, locked. Close it at the end."""
    return HARDWARE[settings.kind](settings, clock)


HARDWARE: dict[str, Callable[[Any, Clock], Lock]] = {
    "simulated": lambda _settings, clock: SimulatedLock(clock),
}
"""Maker by kind of lock; the kinds are the classes of `models.settings.lock`."""
