"""Locks of a door. `open_lock` makes the one that the settings name."""

from access.locks.simulated import SimulatedLock
from models.ports import Clock, Lock
from models.settings import Settings


def open_lock(settings: Settings, clock: Clock) -> Lock:
    """The lock of the kind `settings.lock.kind`, locked. Close it at the end."""
    makers = {"simulated": SimulatedLock}
    return makers[settings.lock.kind](clock)
