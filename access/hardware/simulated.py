"""`SimulatedLock`: a lock without hardware, for the demo and the tests, with the faults of a real one."""

import math
from enum import StrEnum

from access.hardware.unlock_time import check_unlock_time
from models.domain import DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock


class LockEvent(StrEnum):
    """What can happen to a lock: the commands first, then what it does or suffers by itself."""

    UNLOCK = "unlock"
    HOLD_UNLOCKED = "hold_unlocked"
    LOCK = "lock"
    TIME_UP = "time_up"
    JAM = "jam"
    CLEAR_JAM = "clear_jam"
    LOSE_POWER = "lose_power"
    STOP_ANSWERING = "stop_answering"
    COME_BACK = "come_back"


COMMANDS = frozenset({LockEvent.UNLOCK, LockEvent.HOLD_UNLOCKED, LockEvent.LOCK})

_LOCKED, _UNLOCKED, _HELD = LockState.LOCKED, LockState.UNLOCKED, LockState.HELD_UNLOCKED
_JAMMED, _UNKNOWN = LockState.JAMMED, LockState.UNKNOWN

# One row per state, one column per event. None: a command is refused, anything else changes nothing.
# A lock that comes back or is freed starts locked, as a fail-secure lock does.
_COLUMNS = tuple(LockEvent)
_ROWS: dict[LockState, tuple[LockState | None, ...]] = {
    # state     UNLOCK     HOLD   LOCK     TIME_UP  JAM      CLEAR_JAM LOSE_POWER STOP_ANSW. COME_BACK
    _LOCKED:   (_UNLOCKED, _HELD, _LOCKED, None,    _JAMMED, None,     _UNKNOWN,  _UNKNOWN,  None),
    _UNLOCKED: (_UNLOCKED, _HELD, _LOCKED, _LOCKED, _JAMMED, None,     _UNKNOWN,  _UNKNOWN,  None),
    _HELD:     (_HELD,     _HELD, _LOCKED, None,    _JAMMED, None,     _UNKNOWN,  _UNKNOWN,  None),
    _JAMMED:   (None,      None,  None,    None,    None,    _LOCKED,  _UNKNOWN,  _UNKNOWN,  None),
    _UNKNOWN:  (None,      None,  None,    None,    None,    None,     None,      None,      _LOCKED),
}  # fmt: skip
TRANSITIONS: dict[tuple[LockState, LockEvent], LockState] = {
    (state, event): following
    for state, row in _ROWS.items()
    for event, following in zip(_COLUMNS, row, strict=True)
    if following is not None
}

_REFUSALS = {
    _JAMMED: "the lock is jammed: free the bolt by hand, then try again",
    _UNKNOWN: "the lock does not answer: check its power and its cable",
}


class SimulatedLock:
    """A fail-secure lock that relocks by itself: it starts locked, and without power it is not unlocked.

    Args:
        clock: when the time is up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = LockState.LOCKED
        self._relock_at_s = math.inf
        self._closed = False
        self._inputs = DoorInputs()

    def unlock(self, seconds: float) -> None:
        """Unlock for `seconds`; a time under way is never shortened, a lock that is held unlocked stays so.

        Raises:
            LockError: jammed, not answering, or closed.
            ValueError: `seconds` is not a finite number above 0.
        """
        check_unlock_time(seconds)
        under_way_s = self._relock_at_s if self.state() is LockState.UNLOCKED else -math.inf
        self._happen(LockEvent.UNLOCK)
        if self._state is LockState.UNLOCKED:
            self._relock_at_s = max(under_way_s, self._clock.monotonic_s() + seconds)

    def hold_unlocked(self) -> None:
        """Keep unlocked until `lock()`: an operator's order. Raises LockError."""
        self._happen(LockEvent.HOLD_UNLOCKED)

    def lock(self) -> None:
        """Lock now. Raises LockError."""
        self._happen(LockEvent.LOCK)

    def state(self) -> LockState:
        """What the lock says of itself. Asking changes nothing."""
        if self._clock.monotonic_s() >= self._relock_at_s:
            return TRANSITIONS.get((self._state, LockEvent.TIME_UP), self._state)
        return self._state

    def inputs(self) -> DoorInputs:
        """What `set_inputs` was given last."""
        return self._inputs

    def set_inputs(self, inputs: DoorInputs) -> None:
        """Change what is wired to it, for a demo or a test."""
        self._inputs = inputs

    def close(self) -> None:
        """Lock if it still obeys, then refuse every command; may be called twice."""
        if (self.state(), LockEvent.LOCK) in TRANSITIONS and not self._closed:
            self._happen(LockEvent.LOCK)
        self._closed = True

    def inject(self, event: LockEvent) -> None:
        """Inject a fault, or its repair, for a test.

        Raises:
            ValueError: a command is not a fault.
        """
        if event in COMMANDS:
            raise ValueError(f"{event} is a command: call the method of that name")
        self._happen(event)

    def _happen(self, event: LockEvent) -> None:
        state = self.state()
        if event in COMMANDS and self._closed:
            raise LockError("the lock is closed: open it again")
        following = TRANSITIONS.get((state, event))
        if following is None and event in COMMANDS:
            raise LockError(_REFUSALS[state])
        self._state = state if following is None else following
        if self._state is not LockState.UNLOCKED:
            self._relock_at_s = math.inf
