"""The door's machine against a plain history of what was seen, and case by case."""

import math
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from access.hardware.door_machine import (
    CONTACT_LAG_S,
    LEAF_TABLE,
    LOCK_TABLE,
    OFFLINE_DETAIL,
    RELOCK_S,
    SILENT_S,
    DoorChange,
    DoorLimits,
    DoorMachine,
    HoldReason,
    LeafInput,
    LeafStatus,
    LockInput,
    LockStatus,
)
from models.domain import Contact, DoorInputs, LockState
from models.events import AlarmReason, NoticeReason
from models.settings.door import DoorSettings

LIMITS = DoorLimits(held_open_s=10.0, exit_request_s=4.0)


STATES = (LockState.LOCKED, LockState.UNLOCKED, LockState.HELD_UNLOCKED, LockState.JAMMED)
ANSWERS = st.sampled_from((LockState.LOCKED,) * 3 + (LockState.UNLOCKED,) * 3 + STATES)


class AnyDoor(RuleBasedStateMachine):
    """A door to which anything happens; what must hold is said over what was seen, without tables."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.machine = DoorMachine(LIMITS, self.now)
        self.said: LockState | None = None
        self.answered_s = self.now
        self.grant_until_s = self.exit_until_s = -1e9
        self.holds: set[HoldReason] = set()
        self.contact, self.exit, self.tamper = Contact.NONE, False, False
        self.pressed_before = False
        self.open_s: float | None = None
        self.contacts_seen: list[Contact] = []
        self.grants: dict[int, float] = {}
        """Until when each person may go in, for those of whom it is not known yet whether they did."""
        self.grant_number = 0
        self.changes: list[DoorChange] = []
        self.raised: Counter[AlarmReason] = Counter()

    def allowed_s(self) -> float:
        """Until when the door may be opened."""
        return math.inf if self.holds else max(self.grant_until_s, self.exit_until_s)

    def take(self) -> list[DoorChange]:
        changes = self.machine.take_changes()
        for change in changes:
            assert change.at_s == self.now
            if change.outcome == "alarm":
                self.raised[change.reason] += 1
            elif change.outcome == "cleared":
                self.raised[change.reason] -= 1
        self.changes += changes
        return changes

    def answer(self, state: LockState) -> None:
        """The hardware answers: everything that must follow from it, and nothing else."""
        self.said, self.answered_s = state, self.now
        was = self.contacts_seen[-1] if self.contacts_seen else Contact.NONE
        forced_before = self.raised[AlarmReason.DOOR_FORCED]
        self.contacts_seen.append(self.contact)
        if self.exit:
            self.exit_until_s = self.now + LIMITS.exit_request_s
        if self.contact is not Contact.OPEN:
            self.open_s = None
        elif self.open_s is None:
            self.open_s = self.now
        inputs = DoorInputs(contact=self.contact, exit_request=self.exit, tamper=self.tamper)
        self.machine.look(state, inputs, self.now)
        notices = Counter((each.reason, each.grant_id) for each in self.take() if each.outcome == "notice")
        expected = self.expected_passages()
        if self.exit and not self.pressed_before:
            expected[NoticeReason.EXIT_REQUEST, None] += 1
        self.pressed_before = self.exit
        assert notices == expected
        assert self.raised[AlarmReason.TAMPER] == self.tamper
        self.check_lock(state)
        self.check_leaf(was, forced_before)

    def expected_passages(self) -> Counter[tuple[NoticeReason, int | None]]:
        expected: Counter[tuple[NoticeReason, int | None]] = Counter()
        for grant, until_s in list(self.grants.items()):
            if self.contact is Contact.OPEN:
                expected[NoticeReason.ENTERED, grant] += 1
            elif self.contact is Contact.CLOSED and self.now > until_s + CONTACT_LAG_S:
                expected[NoticeReason.DID_NOT_ENTER, grant] += 1
            elif self.contact is Contact.CLOSED:
                continue
            del self.grants[grant]  # or nobody will ever know: there is no contact
        return expected

    def check_lock(self, state: LockState) -> None:
        in_time = bool(self.holds) or self.now <= self.grant_until_s + RELOCK_S
        unlocked = LockStatus.RELEASED if in_time else LockStatus.UNKNOWN
        assert self.machine.lock_status is {
            LockState.LOCKED: LockStatus.LOCKED,
            LockState.JAMMED: LockStatus.JAMMED,
        }.get(state, unlocked)

    def check_leaf(self, was: Contact, forced_before: int) -> None:
        late = self.now > self.allowed_s() + CONTACT_LAG_S
        opened = was is Contact.CLOSED and self.contact is Contact.OPEN
        forced = self.contact is Contact.OPEN and (bool(forced_before) or (opened and late))
        assert self.raised[AlarmReason.DOOR_FORCED] == forced
        held = (
            self.open_s is not None
            and not forced
            and late
            and self.now - max(self.open_s, self.allowed_s()) > LIMITS.held_open_s
        )
        assert self.raised[AlarmReason.DOOR_HELD_OPEN] == held

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.5, 1.0, 1.5, 3.0, 9.5, 11.0, 60.0]), state=ANSWERS)
    def wait_and_look(self, seconds: float, state: LockState) -> None:
        self.now += seconds
        self.answer(state)

    @rule(seconds=st.sampled_from([0.1, 0.9, 2.0]), raises=st.booleans())
    def wait_without_an_answer(self, seconds: float, raises: bool) -> None:
        self.now += seconds
        if raises:
            self.machine.no_answer(self.now)
        else:
            self.machine.look(LockState.UNKNOWN, DoorInputs(contact=Contact.OPEN, tamper=True), self.now)
        changes = self.take()
        if self.now - self.answered_s >= SILENT_S:
            self.said = None
            self.grants.clear()  # nobody can say whether they went in
            assert self.machine.lock_status is LockStatus.OFFLINE
        else:
            assert changes == []

    @rule(contact=st.sampled_from((Contact.OPEN, Contact.CLOSED)), state=ANSWERS)
    def move_the_leaf(self, contact: Contact, state: LockState) -> None:
        self.contact = contact
        self.now += 0.1
        self.answer(state)

    @rule(pressed=st.booleans(), state=ANSWERS)
    def press(self, pressed: bool, state: LockState) -> None:
        self.exit = pressed
        self.answer(state)

    @rule(opened=st.booleans(), state=ANSWERS)
    def open_the_housing(self, opened: bool, state: LockState) -> None:
        self.tamper = opened
        self.answer(state)

    @rule(seconds=st.sampled_from([0.5, 3.0, 5.0]), known=st.booleans())
    def grant(self, seconds: float, known: bool) -> None:
        self.grant_number += 1
        self.machine.ordered(self.now)
        assert self.machine.lock_status is not LockStatus.RELEASED
        self.machine.confirmed(seconds, self.grant_number if known else None, self.now)
        self.said, self.answered_s = LockState.UNLOCKED, self.now
        self.grant_until_s = max(self.grant_until_s, self.now + seconds)
        if known:
            self.grants[self.grant_number] = self.now + seconds
        self.take()

    @rule()
    def grant_without_confirmation(self) -> None:
        self.machine.ordered(self.now)
        self.machine.not_confirmed(self.now)
        self.take()
        assert self.machine.lock_status in {LockStatus.UNKNOWN, LockStatus.JAMMED, LockStatus.OFFLINE}

    @precondition(lambda self: not self.holds)
    @rule()
    def lock(self) -> None:
        self.machine.locked(self.now)
        self.said, self.answered_s = LockState.LOCKED, self.now
        # A request to exit outlasts the order; grants do not.
        self.grant_until_s = min(self.grant_until_s, self.now)
        self.grants = {grant: min(until, self.now) for grant, until in self.grants.items()}
        self.take()

    @rule(reason=st.sampled_from(HoldReason), starts=st.booleans())
    def stand_unlocked(self, reason: HoldReason, starts: bool) -> None:
        if starts:
            self.machine.hold(reason, self.now)
            self.holds.add(reason)
        else:
            self.machine.end_hold(reason, self.now)
            if reason in self.holds:
                self.grant_until_s = max(self.grant_until_s, self.now)
            self.holds.discard(reason)
        assert self.machine.holds == self.holds
        self.take()

    @invariant()
    def never_locked_while_the_hardware_says_otherwise(self) -> None:
        if self.said is not LockState.LOCKED:
            assert self.machine.lock_status is not LockStatus.LOCKED
        if self.machine.lock_status is LockStatus.RELEASED:
            assert self.said in {LockState.UNLOCKED, LockState.HELD_UNLOCKED}

    @invariant()
    def alarms_alternate(self) -> None:
        assert set(self.raised.values()) <= {0, 1}
        standing = {
            AlarmReason.LOCK_JAMMED: self.machine.lock_status is LockStatus.JAMMED,
            AlarmReason.LOCK_UNKNOWN: self.machine.lock_status is LockStatus.UNKNOWN,
            AlarmReason.HARDWARE_OFFLINE: self.machine.lock_status is LockStatus.OFFLINE,
            AlarmReason.DOOR_FORCED: self.machine.leaf_status is LeafStatus.FORCED_OPEN,
            AlarmReason.DOOR_HELD_OPEN: self.machine.leaf_status is LeafStatus.HELD_OPEN,
        }
        for reason, stands in standing.items():
            assert self.raised[reason] == stands, reason

    @invariant()
    def without_a_contact_nothing_is_said_of_the_leaf(self) -> None:
        if set(self.contacts_seen) <= {Contact.NONE}:
            said = {change.reason for change in self.changes}
            assert not said & {
                AlarmReason.DOOR_FORCED,
                AlarmReason.DOOR_HELD_OPEN,
                NoticeReason.ENTERED,
                NoticeReason.DID_NOT_ENTER,
            }


TestAnyDoor = AnyDoor.TestCase
TestAnyDoor.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAnyDoor.pytestmark = [pytest.mark.slow]


class Door:
    """A machine and its present, for cases told step by step."""

    def __init__(self, limits: DoorLimits = LIMITS, contact: Contact = Contact.CLOSED) -> None:
        self.now = 0.0
        self.machine = DoorMachine(limits, 0.0)
        self.inputs = DoorInputs(contact=contact)
        self.look(LockState.LOCKED)
        self.machine.take_changes()

    def look(self, state: LockState, after_s: float = 0.1) -> list[tuple[str, str, int | None]]:
        self.now += after_s
        self.machine.look(state, self.inputs, self.now)
        return [(each.outcome, each.reason, each.grant_id) for each in self.machine.take_changes()]

    def grant(self, grant_id: int, seconds: float = 5.0) -> None:
        self.machine.ordered(self.now)
        self.machine.confirmed(seconds, grant_id, self.now)

    def leaf(self, contact: Contact) -> None:
        self.inputs = DoorInputs(contact=contact)


def test_somebody_goes_in_and_the_door_falls_shut() -> None:
    door = Door()
    door.grant(7)
    assert door.machine.status is LockStatus.RELEASED
    door.leaf(Contact.OPEN)
    assert door.look(LockState.UNLOCKED) == [("notice", "entered", 7)]
    assert door.machine.status is LeafStatus.OPEN
    door.leaf(Contact.CLOSED)
    assert door.look(LockState.LOCKED, 5.0) == []
    assert door.machine.status is LockStatus.LOCKED


def test_somebody_does_not_go_in() -> None:
    door = Door()
    door.grant(7)
    assert door.look(LockState.LOCKED, 5.0 + CONTACT_LAG_S) == []
    assert door.look(LockState.LOCKED) == [("notice", "did_not_enter", 7)]


def test_an_order_to_lock_ends_the_time_to_go_in() -> None:
    door = Door()
    door.grant(7, seconds=60.0)
    door.machine.locked(door.now)
    assert door.look(LockState.LOCKED, CONTACT_LAG_S + 0.1) == [("notice", "did_not_enter", 7)]
    door.leaf(Contact.OPEN)
    assert door.look(LockState.LOCKED) == [("alarm", "door_forced", None)]


def test_a_door_held_open_names_the_grant_and_is_cleared_when_it_closes() -> None:
    door = Door()
    door.grant(7)
    door.leaf(Contact.OPEN)
    door.look(LockState.UNLOCKED)
    assert door.look(LockState.LOCKED, 5.0 + LIMITS.held_open_s - 0.2) == []
    assert door.look(LockState.LOCKED, 0.2) == [("alarm", "door_held_open", 7)]
    assert door.look(LockState.LOCKED, 60.0) == []
    door.leaf(Contact.CLOSED)
    assert door.look(LockState.LOCKED) == [("cleared", "door_held_open", 7)]


def test_a_new_grant_ends_the_alarm_of_a_door_held_open_and_its_person_goes_in() -> None:
    door = Door()
    door.grant(7)
    door.leaf(Contact.OPEN)
    door.look(LockState.UNLOCKED)
    assert door.look(LockState.LOCKED, 60.0) == [("alarm", "door_held_open", 7)]
    door.grant(8)
    assert door.look(LockState.UNLOCKED) == [("cleared", "door_held_open", 7), ("notice", "entered", 8)]


def test_a_door_opened_without_a_grant_is_forced_until_it_is_closed() -> None:
    door = Door()
    door.leaf(Contact.OPEN)
    assert door.look(LockState.LOCKED) == [("alarm", "door_forced", None)]
    door.grant(7)
    assert door.look(LockState.UNLOCKED) == [("notice", "entered", 7)]
    assert door.machine.status is LeafStatus.FORCED_OPEN
    door.leaf(Contact.CLOSED)
    assert door.look(LockState.UNLOCKED) == [("cleared", "door_forced", None)]


def test_the_first_look_at_an_open_door_is_no_forced_door() -> None:
    door = Door(contact=Contact.OPEN)
    assert door.machine.status is LeafStatus.OPEN
    assert door.look(LockState.LOCKED, LIMITS.held_open_s + 1) == [("alarm", "door_held_open", None)]


def test_a_request_to_exit_is_noticed_once_and_lets_the_door_open() -> None:
    door = Door()
    door.inputs = DoorInputs(contact=Contact.CLOSED, exit_request=True)
    assert door.look(LockState.LOCKED) == [("notice", "exit_request", None)]
    assert door.look(LockState.LOCKED, 100.0) == []
    door.leaf(Contact.OPEN)
    assert door.look(LockState.LOCKED, LIMITS.exit_request_s) == []
    assert door.machine.status is LeafStatus.OPEN


def test_a_lock_that_does_not_lock_again_is_unknown() -> None:
    door = Door()
    door.grant(7)
    assert door.look(LockState.UNLOCKED, 5.0 + RELOCK_S - 0.1) == []
    assert ("alarm", "lock_unknown", None) in door.look(LockState.UNLOCKED, 0.2)
    assert ("cleared", "lock_unknown", None) in door.look(LockState.LOCKED)


def test_hardware_that_is_silent_says_what_the_lock_does_without_power() -> None:
    for without_power, detail in OFFLINE_DETAIL.items():
        door = Door(DoorLimits.of(DoorSettings(), without_power))
        door.machine.no_answer(door.now + SILENT_S - 0.01)
        assert door.machine.take_changes() == []
        door.machine.no_answer(door.now + SILENT_S)
        (alarm,) = door.machine.take_changes()
        assert (alarm.reason, alarm.detail) == (AlarmReason.HARDWARE_OFFLINE, detail)
        door.now += 2.0
        assert door.look(LockState.LOCKED) == [("cleared", "hardware_offline", None)]


def test_a_door_found_open_after_the_hardware_was_silent_is_forced() -> None:
    door = Door()
    door.machine.no_answer(door.now + SILENT_S)
    door.machine.take_changes()
    door.leaf(Contact.OPEN)
    assert door.look(LockState.LOCKED, 5.0) == [
        ("cleared", "hardware_offline", None),
        ("alarm", "door_forced", None),
    ]


def test_a_door_unlocked_by_schedule_may_stand_open_until_the_schedule_ends() -> None:
    door = Door()
    door.machine.hold(HoldReason.SCHEDULE, door.now)
    door.machine.confirmed(0.0, None, door.now)
    assert [each.reason for each in door.machine.take_changes()] == [NoticeReason.UNLOCKED_BY_SCHEDULE]
    door.leaf(Contact.OPEN)
    assert door.look(LockState.UNLOCKED, 3600.0) == []
    assert door.machine.lock_status is LockStatus.RELEASED
    door.machine.end_hold(HoldReason.SCHEDULE, door.now)
    assert door.look(LockState.LOCKED) == [("notice", "locked_by_schedule", None)]
    assert door.look(LockState.LOCKED, LIMITS.held_open_s + 0.1) == [("alarm", "door_held_open", None)]


def test_every_state_has_a_row_for_every_input() -> None:
    assert set(LOCK_TABLE) == {(state, given) for state in LockStatus for given in LockInput}
    assert set(LEAF_TABLE) == {(state, given) for state in LeafStatus for given in LeafInput}


def test_an_order_alone_leads_neither_to_released_nor_out_of_a_fault() -> None:
    for (state, given), following in LOCK_TABLE.items():
        if given is LockInput.ORDERED:
            in_doubt = {LockStatus.JAMMED, LockStatus.UNKNOWN, LockStatus.OFFLINE}
            assert following is (state if state in in_doubt else LockStatus.RELEASING)
