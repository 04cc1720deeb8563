"""`DirectDriver`: a lock without a thread of its own, for simulated locks under a simulated clock."""

from access.hardware.door_machine import DoorChange, DoorLimits, DoorMachine, DoorStatus, HoldReason
from models.domain import DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock, Lock

HOLD_S = 3600.0
"""A door held unlocked is unlocked for so long again at every look."""


class DirectDriver:
    """Does what `LockDriver` does, in the caller's thread: only for a lock that never hangs.

    The door's state is looked at in `take_changes`, which the loop calls for every frame.

    Args:
        lock: the hardware.
        clock: of the door.
        limits: the door's times.
    """

    def __init__(self, lock: Lock, clock: Clock, limits: DoorLimits | None = None) -> None:
        self._lock, self._clock = lock, clock
        self._machine = DoorMachine(limits or DoorLimits(), clock.monotonic_s())

    def unlock(self, seconds: float, *, grant_id: int | None = None) -> None:
        """Unlock for `seconds`. Raises LockError, ValueError: as `LockDriver.unlock`."""
        self._try_to_unlock(seconds)
        self._machine.confirmed(seconds, grant_id, self._clock.monotonic_s())

    def hold_unlocked(self, reason: HoldReason) -> None:
        """Keep the door unlocked until `lock()`. Raises LockError."""
        self._machine.hold(reason, self._clock.monotonic_s())
        self._try_to_unlock(HOLD_S)
        self._machine.confirmed(0.0, None, self._clock.monotonic_s())

    def lock(self) -> None:
        """Lock now, and keep the door unlocked no longer. Raises LockError."""
        for reason in self._machine.holds:
            self._machine.end_hold(reason, self._clock.monotonic_s())
        self._lock.lock()
        self._machine.locked(self._clock.monotonic_s())

    def state(self) -> LockState:
        """What the lock says of itself."""
        return self._lock.state()

    def inputs(self) -> DoorInputs:
        """What is wired to the hardware."""
        return self._lock.inputs()

    def door_status(self) -> DoorStatus:
        """What lock and leaf were doing at the latest look, the more urgent of the two."""
        return self._machine.status

    def take_changes(self) -> list[DoorChange]:
        """Look at the door; alarms and notices since the last call, oldest first."""
        try:
            self._machine.look(self._lock.state(), self._lock.inputs(), self._clock.monotonic_s())
        except LockError:
            self._machine.no_answer(self._clock.monotonic_s())
        return self._machine.take_changes()

    def close(self) -> None:
        """Lock, and let go of the hardware. Raises LockError."""
        self._lock.close()

    def _try_to_unlock(self, seconds: float) -> None:
        self._machine.ordered(self._clock.monotonic_s())
        try:
            self._lock.unlock(seconds)
        except LockError:
            self._machine.not_confirmed(self._clock.monotonic_s())
            raise
