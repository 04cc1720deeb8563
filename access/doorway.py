"""`Doorway`: the door itself beside the people who ask: its mode, its contact, its alarms."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from access.authorise import Authoriser
from access.hardware.door_machine import DoorChange, DoorStatus, HoldReason
from access.record import change_event, notice_event
from models.domain import Contact, DoorInputs, LockState, PersonId
from models.errors import LockError, RegisterError
from models.events import DoorEvent, NoticeReason
from models.rules.door_mode import DoorMode

GRANTS_KEPT = 100
"""So many grants wait for the contact to say whether somebody went in."""

HELD_BY: dict[DoorMode, HoldReason] = {
    DoorMode.UNLOCKED: HoldReason.SCHEDULE,
    DoorMode.FIRE: HoldReason.FIRE,
}
"""Why a door stands unlocked in a mode."""

KEPT_WITHOUT_RULES = frozenset({DoorMode.LOCKDOWN, DoorMode.FIRE})
"""The modes that go on when the rules are not known; a schedule does not: the door is locked."""


class DoorDriver(Protocol):
    """A lock and what is wired to it, as `LockDriver`, `DirectDriver` and `PanelDriver` offer them."""

    def unlock(self, seconds: float, *, grant_id: int | None = None) -> None:
        """Unlock for `seconds`, because of a grant. Raises LockError."""
        ...

    def hold_unlocked(self, reason: HoldReason) -> None:
        """Keep unlocked until `lock`. Raises LockError."""
        ...

    def lock(self) -> None:
        """Lock now. Raises LockError."""
        ...

    def state(self) -> LockState:
        """What the lock says of itself."""
        ...

    def inputs(self) -> DoorInputs:
        """What is wired to it."""
        ...

    def door_status(self) -> DoorStatus:
        """What lock and leaf are doing."""
        ...

    def take_changes(self) -> list[DoorChange]:
        """Alarms and notices since the last call, oldest first."""
        ...

    def close(self) -> None:
        """Lock, and let go of the hardware. Raises LockError."""
        ...


class Doorway:
    """Follows the mode of a door, and makes events of what its hardware tells.

    Args:
        lock: of the door.
        authoriser: the rules at the door.
        more_changes: alarms of other hardware since the last call.
    """

    def __init__(
        self,
        lock: DoorDriver,
        authoriser: Authoriser,
        more_changes: Callable[[], Sequence[DoorChange]] = tuple,
    ) -> None:
        self._lock, self._authoriser, self._more_changes = lock, authoriser, more_changes
        self._grants: OrderedDict[int, PersonId] = OrderedDict()
        self._passages: deque[tuple[PersonId, datetime, bool | None]] = deque()
        self._fire_input = False
        self._order_due = False
        self.mode = DoorMode.LOCKED
        """What the door does by itself, at the latest look."""

    def granted(self, grant: DoorEvent, at: datetime) -> None:
        """Note who was let in, for what the contact says afterwards. Call `note_passages` then."""
        if grant.person_id is None or grant.event_id is None:
            return
        if self._lock.inputs().contact is Contact.NONE:
            self._passages.append((grant.person_id, at, None))
            return
        self._grants[grant.event_id] = grant.person_id
        if len(self._grants) > GRANTS_KEPT:
            self._grants.popitem(last=False)

    def step(self, at: datetime, door: str) -> Iterator[DoorEvent]:
        """Look at the door; the events that this led to, to be written as they come.

        What the hardware tells comes whatever the register is like: the error is raised after the last event.

        Raises:
            RegisterError: the rules are not known, or where a person is cannot be written.
        """
        events, trouble = self._follow_mode(at, door)
        yield from events
        for change in (*self._lock.take_changes(), *self._more_changes()):
            person_id = None if change.grant_id is None else self._grants.get(change.grant_id)
            yield change_event(change, at=at, door=door, person_id=person_id)
            if person_id is not None and change.reason in ENTRY:
                self._passages.append((person_id, at, change.reason is NoticeReason.ENTERED))
        if trouble is not None:
            raise trouble
        self.note_passages()

    def note_passages(self) -> None:
        """Keep where people went, oldest first.

        Raises:
            RegisterError: it cannot be written; the next call tries again.
        """
        while self._passages:
            self._authoriser.passed(*self._passages[0])
            self._passages.popleft()

    def _mode(self, at: datetime) -> tuple[DoorMode, RegisterError | None]:
        """The mode for now, and why the rules are not known; None when they are."""
        fire_input, fire_input_before = self._lock.inputs().fire, self._fire_input
        self._fire_input = fire_input
        try:
            return self._authoriser.mode(at, fire_input=fire_input), None
        except RegisterError as error:
            if fire_input:
                return DoorMode.FIRE, error
            released_by_input = self.mode is DoorMode.FIRE and fire_input_before
            kept = self.mode in KEPT_WITHOUT_RULES and not released_by_input
            return self.mode if kept else DoorMode.LOCKED, error

    def _follow_mode(self, at: datetime, door: str) -> tuple[list[DoorEvent], RegisterError | None]:
        """Unlock or lock where the mode has changed; the driver's notices say that it did."""
        (mode, trouble), before = self._mode(at), self.mode
        events = []
        if mode is not before:
            self.mode = mode
            self._order_due = mode in HELD_BY or before in HELD_BY or mode is DoorMode.LOCKDOWN
            if mode is DoorMode.LOCKDOWN:
                events.append(notice_event(NoticeReason.LOCKDOWN_STARTED, at=at, door=door))
            if before is DoorMode.LOCKDOWN:
                events.append(notice_event(NoticeReason.LOCKDOWN_ENDED, at=at, door=door))
        elif mode in HELD_BY and self._lock.state() is LockState.LOCKED:
            self._order_due = True  # the driver lets go when a fire input ends, though an order may go on
        if self._order_due:
            with suppress(LockError):  # tried again at the next look; the driver raises the alarm
                if mode in HELD_BY:
                    self._lock.hold_unlocked(HELD_BY[mode])
                else:
                    self._lock.lock()
                self._order_due = False
        return events, trouble


ENTRY = frozenset({NoticeReason.ENTERED, NoticeReason.DID_NOT_ENTER})
"""What the contact says after a grant."""
