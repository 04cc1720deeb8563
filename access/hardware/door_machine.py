"""`DoorMachine`: what the lock and the door leaf are doing, and which alarms and notices follow.

Two small transition tables side by side: `LOCK_TABLE` for the lock (locked, releasing, released, jammed,
unknown, offline) and `LEAF_TABLE` for the door leaf (closed, open, held open, forced open), because a bolt
can jam while the door is open. An alarm belongs to a state: it begins and ends with it.
`DoorMachine` turns what the driver sees into inputs of the tables. It reads no clock: times are passed in.
docs/reference/door-states.md has both tables, printed by `tests.promises.reference`.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from models.domain import Contact, DoorInputs, LockState
from models.events import AlarmReason, NoticeReason
from models.settings.door import DoorSettings

SILENT_S = 1.0
"""Hardware that has not answered for so many seconds is offline."""

RELOCK_S = 1.0
"""A lock that still says unlocked so many seconds after its time was over did not obey."""

CONTACT_LAG_S = 1.0
"""A door opened so many seconds after the lock has locked was opened in time: contacts are seen late."""


class LockStatus(StrEnum):
    """What the lock is doing, as far as the door can be sure."""

    STARTING = "starting"
    LOCKED = "locked"
    RELEASING = "releasing"
    RELEASED = "released"
    JAMMED = "jammed"
    UNKNOWN = "unknown"
    OFFLINE = "offline"


class LockInput(StrEnum):
    """What happens to the lock."""

    ORDERED = "unlock ordered"
    CONFIRMED = "unlocking confirmed"
    NOT_CONFIRMED = "unlocking not confirmed"
    SAYS_LOCKED = "says locked"
    UNLOCKED_AS_ORDERED = "says unlocked, as ordered"
    UNLOCKED_UNASKED = "says unlocked, time over or no order"
    SAYS_JAMMED = "says jammed"
    SILENT = "silent"


class LeafStatus(StrEnum):
    """Where the door leaf is, as far as its contact tells."""

    NO_CONTACT = "no_contact"
    CLOSED = "closed"
    OPEN = "open"
    HELD_OPEN = "held_open"
    FORCED_OPEN = "forced_open"


class LeafInput(StrEnum):
    """What the contact says, together with whether the door may be open."""

    NO_CONTACT = "no contact"
    CLOSED = "closed"
    OPEN_ALLOWED = "open, released or exit request"
    OPEN_UNASKED = "open, no release"
    OPEN_TOO_LONG = "open for too long"


# One row per state, one column per input. The lock's columns: ordered, confirmed, not confirmed, says locked,
# unlocked as ordered, unlocked unasked, jammed, silent.
# Nothing but an answer of the lock leads out of offline, unknown and jammed: an order alone proves nothing.
_S = LockStatus
_LOCK_ROWS: dict[LockStatus, tuple[LockStatus, ...]] = {
    _S.STARTING: (
        _S.RELEASING, _S.RELEASED, _S.UNKNOWN, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.LOCKED: (
        _S.RELEASING, _S.RELEASED, _S.UNKNOWN, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.RELEASING: (
        _S.RELEASING, _S.RELEASED, _S.UNKNOWN, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.RELEASED: (
        _S.RELEASING, _S.RELEASED, _S.UNKNOWN, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.JAMMED: (
        _S.JAMMED, _S.RELEASED, _S.JAMMED, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.UNKNOWN: (
        _S.UNKNOWN, _S.RELEASED, _S.UNKNOWN, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
    _S.OFFLINE: (
        _S.OFFLINE, _S.RELEASED, _S.OFFLINE, _S.LOCKED, _S.RELEASED, _S.UNKNOWN, _S.JAMMED, _S.OFFLINE),
}  # fmt: skip
LOCK_TABLE: dict[tuple[LockStatus, LockInput], LockStatus] = {
    (state, given): following
    for state, row in _LOCK_ROWS.items()
    for given, following in zip(LockInput, row, strict=True)
}

# The leaf's columns: no contact, closed, open allowed, open unasked, open for too long.
# The first look at a door that is open is no forced door: it was open before anybody watched.
_L = LeafStatus
_LEAF_ROWS: dict[LeafStatus, tuple[LeafStatus, ...]] = {
    _L.NO_CONTACT:  (_L.NO_CONTACT, _L.CLOSED, _L.OPEN, _L.OPEN, _L.OPEN),
    _L.CLOSED:      (_L.NO_CONTACT, _L.CLOSED, _L.OPEN, _L.FORCED_OPEN, _L.FORCED_OPEN),
    _L.OPEN:        (_L.NO_CONTACT, _L.CLOSED, _L.OPEN, _L.OPEN, _L.HELD_OPEN),
    _L.HELD_OPEN:   (_L.NO_CONTACT, _L.CLOSED, _L.OPEN, _L.OPEN, _L.HELD_OPEN),
    _L.FORCED_OPEN: (_L.NO_CONTACT, _L.CLOSED, _L.FORCED_OPEN, _L.FORCED_OPEN, _L.FORCED_OPEN),
}  # fmt: skip
LEAF_TABLE: dict[tuple[LeafStatus, LeafInput], LeafStatus] = {
    (state, given): following
    for state, row in _LEAF_ROWS.items()
    for given, following in zip(LeafInput, row, strict=True)
}

DoorStatus = LockStatus | LeafStatus

ALARM_OF: dict[DoorStatus, AlarmReason] = {
    LockStatus.JAMMED: AlarmReason.LOCK_JAMMED,
    LockStatus.UNKNOWN: AlarmReason.LOCK_UNKNOWN,
    LockStatus.OFFLINE: AlarmReason.HARDWARE_OFFLINE,
    LeafStatus.HELD_OPEN: AlarmReason.DOOR_HELD_OPEN,
    LeafStatus.FORCED_OPEN: AlarmReason.DOOR_FORCED,
}
"""The alarm that goes with a state."""

_BY_URGENCY: tuple[DoorStatus, ...] = (
    LockStatus.OFFLINE,
    LeafStatus.FORCED_OPEN,
    LockStatus.JAMMED,
    LockStatus.UNKNOWN,
    LeafStatus.HELD_OPEN,
    LeafStatus.OPEN,
)


class HoldReason(StrEnum):
    """Why a door stands unlocked without anybody passing."""

    SCHEDULE = "schedule"
    FIRE = "fire"


HOLD_NOTICES: dict[HoldReason, tuple[NoticeReason, NoticeReason]] = {
    HoldReason.SCHEDULE: (NoticeReason.UNLOCKED_BY_SCHEDULE, NoticeReason.LOCKED_BY_SCHEDULE),
    HoldReason.FIRE: (NoticeReason.FIRE_RELEASE_STARTED, NoticeReason.FIRE_RELEASE_ENDED),
}
"""The notices of its beginning and its end."""


@dataclass(frozen=True, slots=True)
class DoorChange:
    """An alarm that begins or ends, or a notice, for the loop to write as an event.

    Attributes:
        outcome: as of the event.
        reason: an `AlarmReason`, of a notice a `NoticeReason`.
        at_s: when, in seconds of the driver's clock.
        grant_id: the `event_id` of the grant that it follows from; None for all else.
        detail: what is to be known besides, in words.
    """

    outcome: Literal["alarm", "cleared", "notice"]
    reason: AlarmReason | NoticeReason
    at_s: float
    grant_id: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """The times that a door is judged by.

    Attributes:
        held_open_s: a door may stay open for so many seconds after the release is over.
        exit_request_s: after a request to exit, the door may be opened for so many seconds.
        exit_unlocks: True when a request to exit unlocks the door for `exit_request_s`.
        offline_detail: what the alarm of hardware that does not answer says.
    """

    held_open_s: float = 30.0
    exit_request_s: float = 5.0
    exit_unlocks: bool = False
    offline_detail: str = ""

    @classmethod
    def of(cls, door: DoorSettings, without_power: Literal["locked", "unlocked"]) -> "DoorLimits":
        """The limits that the settings `[door]` and `lock.without_power` name."""
        return cls(
            held_open_s=door.held_open_s,
            exit_request_s=door.exit_request_s,
            exit_unlocks=door.exit_request_unlocks,
            offline_detail=OFFLINE_DETAIL[without_power],
        )


OFFLINE_DETAIL = {
    "locked": "the lock stays locked without power",
    "unlocked": "the lock unlocks without power: the door may stand open, send somebody",
}
"""What an operator has to know when the hardware does not answer, by `lock.without_power`."""


@dataclass(slots=True)
class _Release:
    """Until when the door may be opened, and for whom."""

    until_s: float = -math.inf
    exit_until_s: float = -math.inf
    holds: set[HoldReason] = field(default_factory=set)
    waiting: dict[int, float] = field(default_factory=dict)
    """The grants whose people have not opened the door yet, and until when each of them may."""


class DoorMachine:
    """Follows one door. Feed it with `look`, `no_answer` and the orders; it collects `DoorChange`s.

    Args:
        limits: the door's times.
        now: seconds of the clock by which all later times are given.
    """

    def __init__(self, limits: DoorLimits, now: float) -> None:
        self._limits = limits
        self._lock, self._leaf = LockStatus.STARTING, LeafStatus.NO_CONTACT
        self._release = _Release()
        self._answered_s = now
        self._open_since_s = math.inf
        self._inputs = DoorInputs()
        self._grant_id: int | None = None
        self._changes: list[DoorChange] = []

    @property
    def status(self) -> DoorStatus:
        """The state of lock or leaf that somebody should know of first."""
        for state in _BY_URGENCY:
            if state in (self._lock, self._leaf):
                return state
        return self._lock

    @property
    def lock_status(self) -> LockStatus:
        """What the lock is doing."""
        return self._lock

    @property
    def leaf_status(self) -> LeafStatus:
        """Where the door leaf is."""
        return self._leaf

    @property
    def holds(self) -> frozenset[HoldReason]:
        """Why the door stands unlocked; empty when it does not."""
        return frozenset(self._release.holds)

    def take_changes(self) -> list[DoorChange]:
        """What happened since the last call, oldest first."""
        changes, self._changes = self._changes, []
        return changes

    def ordered(self, now: float) -> None:
        """The hardware is about to be told to unlock."""
        self._lock_input(LockInput.ORDERED, now)

    def confirmed(self, seconds: float, grant_id: int | None, now: float) -> None:
        """The hardware has confirmed that it unlocked, because of that grant.

        Args:
            seconds: for so long from now; 0 while the door is held unlocked.
            grant_id: the `event_id` of the grant; None without one.
            now: the present.
        """
        self._answered_s = now
        until_s = now + seconds
        self._release.until_s = max(self._release.until_s, until_s)
        if grant_id is not None:
            self._release.waiting[grant_id] = max(until_s, self._release.waiting.get(grant_id, until_s))
        self._lock_input(LockInput.CONFIRMED, now)

    def not_confirmed(self, now: float) -> None:
        """The hardware did not confirm that it unlocked."""
        self._lock_input(LockInput.NOT_CONFIRMED, now)

    def locked(self, now: float) -> None:
        """The hardware has confirmed that it locked: the release is over."""
        self._answered_s = now
        self._release.until_s = min(self._release.until_s, now)
        self._release.waiting = {grant: min(until, now) for grant, until in self._release.waiting.items()}
        self._lock_input(LockInput.SAYS_LOCKED, now)

    def hold(self, reason: HoldReason, now: float) -> None:
        """From now on the door stands unlocked for that reason."""
        if reason not in self._release.holds:
            self._release.holds.add(reason)
            self._notice(HOLD_NOTICES[reason][0], now)

    def end_hold(self, reason: HoldReason, now: float) -> None:
        """That reason is over."""
        if reason in self._release.holds:
            self._release.holds.remove(reason)
            self._release.until_s = max(self._release.until_s, now)
            self._notice(HOLD_NOTICES[reason][1], now)

    def no_answer(self, now: float) -> None:
        """The hardware was asked and did not answer."""
        if now - self._answered_s >= SILENT_S:
            # Nobody can say whether these people went in.
            self._release.waiting.clear()
            self._lock_input(LockInput.SILENT, now)

    def look(self, state: LockState, inputs: DoorInputs, now: float) -> None:
        """The hardware was asked and answered; `unknown` is no answer."""
        if state is LockState.UNKNOWN:
            self.no_answer(now)
            return
        self._answered_s = now
        self._see_exit_request(inputs, now)
        self._lock_input(self._meaning(state, now), now)
        self._see_contact(inputs.contact, now)
        self._see_tamper(inputs, now)
        self._inputs = inputs

    def _meaning(self, state: LockState, now: float) -> LockInput:
        if state is LockState.LOCKED:
            return LockInput.SAYS_LOCKED
        if state is LockState.JAMMED:
            return LockInput.SAYS_JAMMED
        as_ordered = self._release.holds or now <= self._release.until_s + RELOCK_S
        return LockInput.UNLOCKED_AS_ORDERED if as_ordered else LockInput.UNLOCKED_UNASKED

    def _may_open_until_s(self) -> float:
        release = self._release
        return math.inf if release.holds else max(release.until_s, release.exit_until_s)

    def _see_exit_request(self, inputs: DoorInputs, now: float) -> None:
        if inputs.exit_request:
            self._release.exit_until_s = now + self._limits.exit_request_s
            if not self._inputs.exit_request:
                self._notice(NoticeReason.EXIT_REQUEST, now)

    def _see_contact(self, contact: Contact, now: float) -> None:
        allowed_until_s = self._may_open_until_s()
        if contact is Contact.NONE:
            given = LeafInput.NO_CONTACT
        elif contact is Contact.CLOSED:
            given = LeafInput.CLOSED
        elif now <= allowed_until_s + CONTACT_LAG_S:
            given = LeafInput.OPEN_ALLOWED
        elif now - max(self._open_since_s, allowed_until_s) > self._limits.held_open_s:
            given = LeafInput.OPEN_TOO_LONG
        else:
            given = LeafInput.OPEN_UNASKED
        self._open_since_s = min(self._open_since_s, now) if contact is Contact.OPEN else math.inf
        following = LEAF_TABLE[self._leaf, given]
        self._alarms(self._leaf, following, now)
        self._leaf = following
        self._see_who_entered(contact, now)
        if contact is not Contact.OPEN:
            self._grant_id = None

    def _see_who_entered(self, contact: Contact, now: float) -> None:
        waiting = self._release.waiting
        for grant_id, until_s in list(waiting.items()):
            if contact is Contact.NONE:
                del waiting[grant_id]
            elif contact is Contact.OPEN:
                del waiting[grant_id]
                self._grant_id = grant_id
                self._notice(NoticeReason.ENTERED, now, grant_id)
            elif now > until_s + CONTACT_LAG_S:
                del waiting[grant_id]
                self._notice(NoticeReason.DID_NOT_ENTER, now, grant_id)

    def _see_tamper(self, inputs: DoorInputs, now: float) -> None:
        if inputs.tamper != self._inputs.tamper:
            outcome: Literal["alarm", "cleared"] = "alarm" if inputs.tamper else "cleared"
            self._changes.append(DoorChange(outcome, AlarmReason.TAMPER, now))

    def _lock_input(self, given: LockInput, now: float) -> None:
        following = LOCK_TABLE[self._lock, given]
        self._alarms(self._lock, following, now)
        self._lock = following

    def _alarms(self, before: DoorStatus, after: DoorStatus, now: float) -> None:
        if before is after:
            return
        if before in ALARM_OF:
            self._changes.append(self._alarm("cleared", ALARM_OF[before], now))
        if after in ALARM_OF:
            self._changes.append(self._alarm("alarm", ALARM_OF[after], now))

    def _alarm(self, outcome: Literal["alarm", "cleared"], reason: AlarmReason, now: float) -> DoorChange:
        grant_id = self._grant_id if reason is AlarmReason.DOOR_HELD_OPEN else None
        offline = reason is AlarmReason.HARDWARE_OFFLINE and outcome == "alarm"
        return DoorChange(outcome, reason, now, grant_id, self._limits.offline_detail if offline else "")

    def _notice(self, reason: NoticeReason, now: float, grant_id: int | None = None) -> None:
        self._changes.append(DoorChange("notice", reason, now, grant_id))
