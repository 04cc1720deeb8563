"""`Doorway`: the door itself beside the people who ask: its mode, its contact, its alarms."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from access.authorise import Authoriser
from access.hardware.door_machine import DoorChange, HoldReason
from access.record import change_event, notice_event
from models.domain import Contact, DoorInputs, LockState, PersonId
from models.errors import LockError
from models.events import DoorEvent, NoticeReason
from models.rules.door_mode import DoorMode

GRANTS_KEPT = 100
"""So many grants wait for the contact to say whether somebody went in."""

HELD_BY: dict[DoorMode, HoldReason] = {
    DoorMode.UNLOCKED: HoldReason.SCHEDULE,
    DoorMode.FIRE: HoldReason.FIRE,
}
"""Why a door stands unlocked in a mode."""


class DoorDriver(Protocol):
    """A lock and what is wired to it, as `access.hardware.driver.LockDriver` offers them."""

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

    def take_changes(self) -> list[DoorChange]:
        """Alarms and notices since the last call, oldest first."""
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

    def step(self, at: datetime, door: str) -> list[DoorEvent]:
        """Look at the door; the events that this led to. Call `note_passages` when they are written."""
        events = self._follow_mode(at, door)
        for change in (*self._lock.take_changes(), *self._more_changes()):
            person_id = None if change.grant_id is None else self._grants.get(change.grant_id)
            events.append(change_event(change, at=at, door=door, person_id=person_id))
            if person_id is not None and change.reason in ENTRY:
                self._passages.append((person_id, at, change.reason is NoticeReason.ENTERED))
        return events

    def note_passages(self) -> None:
        """Keep where people went, oldest first.

        Raises:
            RegisterError: it cannot be written; the next call tries again.
        """
        while self._passages:
            self._authoriser.passed(*self._passages[0])
            self._passages.popleft()

    def _follow_mode(self, at: datetime, door: str) -> list[DoorEvent]:
        """Unlock or lock where the mode has changed; the driver's notices say that it did."""
        mode, before = self._authoriser.mode(at, fire_input=self._lock.inputs().fire), self.mode
        if mode is before:
            return []
        self.mode = mode
        events = []
        if mode is DoorMode.LOCKDOWN:
            events.append(notice_event(NoticeReason.LOCKDOWN_STARTED, at=at, door=door))
        if before is DoorMode.LOCKDOWN:
            events.append(notice_event(NoticeReason.LOCKDOWN_ENDED, at=at, door=door))
        try:
            if mode in HELD_BY:
                self._lock.hold_unlocked(HELD_BY[mode])
            elif before in HELD_BY or mode is DoorMode.LOCKDOWN:
                self._lock.lock()
        except LockError:  # tried again at the next look; the driver raises the alarm
            self.mode = before
            return []
        return events


ENTRY = frozenset({NoticeReason.ENTERED, NoticeReason.DID_NOT_ENTER})
"""What the contact says after a grant."""
