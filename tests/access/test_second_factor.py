"""Face, PIN and card at one door, with the rules: who gets in by what, and what is written of it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from access.credentials import CREDENTIAL_S
from access.hardware.simulated import LockEvent
from access.memory_access import MemoryAccess
from models.domain import CheckName, Contact, DoorInputs, LockState, PersonId
from models.errors import RegisterLockedError
from models.events import DoorEvent
from models.rules.factors import parse_way
from models.rules.policy import (
    EVERY_DOOR,
    EVERYONE,
    PassbackMode,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    TwoPersonDoor,
    UnlockTime,
    Window,
)
from models.rules.request import Lockdown, Passage, PersonAccess
from tests.access.door import ADA, BOB, STRANGER, Door, Stand

PINS = {ADA: ("4711", "4712"), BOB: ("9024", "")}
CARDS = {"1001": ADA, "1002": BOB}


def rules(*ways: str, **fields: object) -> Policy:
    """A policy by which everybody passes every door at all times by any of these ways."""
    rule = Rule("all", EVERYONE, frozenset({EVERY_DOOR}), ways=tuple(map(parse_way, ways)))
    return Policy(rules=(rule,), **fields)  # type: ignore[arg-type]


def door_with(policy: Policy, **fields: object) -> Door:
    people = {
        person: PersonAccess(person, has_pin=True, has_card=True, **fields)  # type: ignore[arg-type]
        for person in (ADA, BOB)
    }
    return Door(policy=policy, people=people, history=MemoryAccess(PINS, CARDS))


def said(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def watch(door: Door, *stands: Stand, frames: int = 5) -> list[DoorEvent]:
    return [event for _ in range(frames) for event in door.show(*stands)]


LET_IN = [("granted", "recognised"), ("unlocked", "recognised")]


def test_face_and_pin_open_together_and_neither_alone() -> None:
    door = door_with(rules("face+pin"))
    assert said(watch(door, Stand(1))) == []
    assert door.lock.unlocked_for_s == []
    assert door.loop.visible[0].decision is not None
    assert str(door.loop.visible[0].decision.reason) == "needs_pin"  # type: ignore[union-attr]
    door.type("4711#")
    granted, unlocked = watch(door, Stand(1))
    assert (granted.outcome, granted.factors, granted.person_id) == ("granted", ("face", "pin"), ADA)
    assert unlocked.intent_id == granted.event_id
    names = [check.name for check in granted.trace]
    assert names.index(CheckName.RECOGNISED) < names.index(CheckName.FACTORS) < names.index(CheckName.LOCK)
    assert all(check.passed for check in granted.trace)


def test_somebody_who_leaves_without_the_pin_was_denied_for_it() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    assert said(watch(door, frames=30)) == [("denied", "needs_pin")]


def test_whoever_looks_down_at_the_keypad_is_still_known() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    assert said(watch(door, Stand(1, good=False), frames=20)) == []
    door.type("4711#")
    assert said(watch(door, Stand(1, good=False))) == LET_IN


def test_whoever_looks_away_for_too_long_is_forgotten() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    watch(door, Stand(1, good=False), frames=round(CREDENTIAL_S / 0.1) + 5)
    door.type("4711#")
    assert ("granted", "recognised") not in said(watch(door, Stand(1, good=False)))


def test_another_person_in_the_same_place_does_not_inherit_the_face() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    watch(door, Stand(STRANGER), frames=2)
    door.type("4711#")
    events = watch(door, Stand(STRANGER), frames=20)
    assert door.lock.unlocked_for_s == []
    assert "granted" not in {event.outcome for event in events}


def test_a_wrong_pin_is_written_each_time_and_locks_out_after_five() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    for _ in range(4):
        door.type("0000#")
        assert said(watch(door, Stand(1), frames=2)) == [("denied", "wrong_pin")]
    door.type("0000#")
    assert said(watch(door, Stand(1), frames=2)) == [("denied", "wrong_pin"), ("denied", "locked_out")]
    door.type("4711#")
    assert said(watch(door, Stand(1))) == []
    assert door.history.failures[ADA].count == 5
    assert door.lock.unlocked_for_s == []
    assert door.lock.unlocked_for_s == []
    door.clock.sleep(40)
    watch(door, Stand(1))
    door.type("4711#")
    assert LET_IN[0] in said(watch(door, Stand(1)))
    assert ADA not in door.history.failures


def test_a_duress_pin_opens_and_raises_a_silent_alarm_first() -> None:
    door = door_with(rules("face+pin"))
    watch(door, Stand(1))
    door.type("4712#")
    granted, alarm, unlocked = watch(door, Stand(1))
    assert (granted.outcome, unlocked.outcome) == ("granted", "unlocked")
    assert (alarm.outcome, alarm.reason, alarm.silent) == ("alarm", "duress", True)
    assert alarm.intent_id == granted.event_id
    written = [(event.outcome, event.reason) for event in door.lock.written_at_unlock[0]]
    assert written[-1] == ("alarm", "duress")


def test_a_card_alone_opens_where_the_rule_says_so_and_only_its_owner_is_named() -> None:
    door = door_with(rules("card"))
    door.card("1002")
    granted, unlocked = watch(door)
    assert (granted.outcome, granted.person_id, granted.factors) == ("granted", BOB, ("card",))
    assert (granted.track, unlocked.outcome) == (None, "unlocked")
    door.card("9999")
    (denied,) = watch(door)
    assert (denied.reason, denied.person_id) == ("unknown_card", None)


def test_card_and_face_must_be_of_one_person() -> None:
    door = door_with(rules("card+face"))
    door.card("1001")
    watch(door, frames=2)
    assert said(watch(door, Stand(2))) == [("denied", "card_of_another")]
    assert door.history.failures[ADA].count == 1
    door.card("1002")
    assert said(watch(door, Stand(2))) == LET_IN


def test_a_card_without_the_face_that_is_asked_for_is_denied_when_its_time_is_over() -> None:
    door = door_with(rules("card+face"))
    door.card("1001")
    assert said(watch(door, frames=round(CREDENTIAL_S / 0.1) - 5)) == []
    assert said(watch(door, frames=15)) == [("denied", "needs_face")]


def test_a_pin_alone_opens_where_the_rule_says_so() -> None:
    door = door_with(rules("pin"))
    door.type("9024#")
    granted, _ = watch(door)
    assert (granted.person_id, granted.factors) == (BOB, ("pin",))


def test_pins_that_nobody_has_lock_the_keypad() -> None:
    door = door_with(rules("pin"))
    for _ in range(5):
        door.type("0000#")
        assert said(watch(door, frames=1)) == [("denied", "wrong_pin")]
    door.type("9024#")
    assert said(watch(door, frames=1)) == [("denied", "locked_out")]
    door.clock.sleep(31)
    door.type("9024#")
    assert said(watch(door, frames=1)) == LET_IN


def test_keys_are_cleared_by_a_star_and_by_time() -> None:
    door = door_with(rules("pin"))
    door.type("12*9024#")
    assert said(watch(door, frames=1)) == LET_IN
    door.clock.sleep(10)
    door.type("90")
    watch(door, frames=1)
    door.clock.sleep(11)
    watch(door, frames=1)
    door.type("9024#")
    assert said(watch(door, frames=1)) == LET_IN


def test_two_people_open_together_and_one_does_not() -> None:
    door = door_with(rules("face", two_person=(TwoPersonDoor("front", within_s=15),)))
    assert said(watch(door, Stand(1))) == []
    granted = watch(door, Stand(1), Stand(2, left=400))
    assert said(granted)[:2] == LET_IN
    assert len(door.lock.unlocked_for_s) == 1


def test_a_person_who_needs_longer_gets_longer() -> None:
    door = door_with(rules("face"), longer_unlock=True)
    watch(door, Stand(1))
    assert door.lock.unlocked_for_s == [15.0]


def test_a_lockdown_keeps_out_and_its_end_lets_in_again() -> None:
    door = door_with(rules("face"))
    at = datetime(2025, 1, 1, tzinfo=UTC)
    door.lockdowns = (Lockdown("all", frozenset({"*"}), "", "an intruder", at),)
    events = said(watch(door, Stand(1)))
    assert events == [("notice", "lockdown_started"), ("denied", "lockdown")]
    door.lockdowns = ()
    assert said(watch(door, Stand(1))) == [("notice", "lockdown_ended"), *LET_IN]


def test_fire_unlocks_for_as_long_as_it_lasts() -> None:
    door = door_with(rules("face"))
    door.fire_doors = frozenset({"front"})
    assert said(watch(door, frames=1)) == [("notice", "fire_release_started")]
    assert door.lock.state() is LockState.UNLOCKED
    door.clock.sleep(3000)
    watch(door, frames=1)
    assert door.lock.state() is LockState.UNLOCKED
    door.fire_doors = frozenset()
    assert said(watch(door, frames=1)) == [("notice", "fire_release_ended")]
    assert door.lock.state() is LockState.LOCKED


@pytest.mark.parametrize("opened", [True, False])
def test_the_contact_says_whether_somebody_went_in(opened: bool) -> None:
    door = door_with(rules("face"))
    door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    watch(door, frames=2)
    granted, _ = watch(door, Stand(1))
    if opened:
        door.lock.set_inputs(DoorInputs(contact=Contact.OPEN))
        watch(door, frames=2)
        door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    door.clock.sleep(10)
    watch(door, frames=3)
    notices = [event for event in door.audit.events if event.outcome == "notice"]
    assert [event.reason for event in notices] == ["entered" if opened else "did_not_enter"]
    assert (notices[0].intent_id, notices[0].person_id) == (granted.event_id, ADA)


def test_a_door_that_is_opened_without_a_grant_raises_an_alarm_that_ends_when_it_closes() -> None:
    door = door_with(rules("face"))
    door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    watch(door, frames=2)
    door.lock.set_inputs(DoorInputs(contact=Contact.OPEN))
    assert said(watch(door, frames=3)) == [("alarm", "door_forced")]
    door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    assert said(watch(door, frames=3)) == [("cleared", "door_forced")]


def test_an_unlock_schedule_waits_for_its_first_person_where_asked() -> None:
    day = Schedule("day", ((Window(0, 1440),),) * 7)
    policy = rules(
        "face", schedules={"day": day}, unlock_times=(UnlockTime("front", "day", first_person=True),)
    )
    door = door_with(policy)
    assert said(watch(door, frames=3)) == []
    assert said(watch(door, Stand(1)))[:3] == [*LET_IN, ("notice", "unlocked_by_schedule")]
    door.clock.sleep(60)
    watch(door, frames=1)
    assert door.lock.state() is LockState.UNLOCKED


def test_two_people_who_are_too_alike_are_told_apart_by_the_pin() -> None:
    door = door_with(rules("face"))
    lookalike = Stand(12)
    assert said(watch(door, lookalike)) == [("denied", "ambiguous")]
    door.type("0000#")
    assert "granted" not in {event.outcome for event in watch(door, lookalike)}
    door.type("9024#")
    granted, _ = watch(door, lookalike)
    assert (granted.person_id, granted.factors) == (BOB, ("face", "pin"))


def test_the_pin_of_somebody_else_tells_nobody_apart() -> None:
    door = door_with(rules("face"))
    door.history.pins["c" * 32] = ("5831", "")  # type: ignore[index]
    watch(door, Stand(12))
    door.type("5831#")
    assert "granted" not in {event.outcome for event in watch(door, Stand(12), frames=20)}
    assert door.lock.unlocked_for_s == []


def test_a_pin_that_is_taken_away_while_it_waits_for_the_face_opens_no_more() -> None:
    door = door_with(rules("face+pin"))
    door.type("4711#")
    assert said(watch(door, frames=3)) == []  # whose PIN it is was looked up; the face is to come
    del door.history.pins[ADA]
    door.revision += 1  # as every change of a PIN does
    events = watch(door, Stand(1))
    assert "granted" not in [event.outcome for event in events]
    assert ("denied", "wrong_pin") in said(events)


class BusyAccess(MemoryAccess):
    """A register that cannot take passages nor forget failures while `busy`."""

    busy = False

    def note_passages(self, person_id: PersonId, passages: Iterable[Passage]) -> None:
        if self.busy:
            raise RegisterLockedError("another program is writing: try again")
        super().note_passages(person_id, passages)

    def clear_failures(self, person_id: PersonId) -> None:
        if self.busy:
            raise RegisterLockedError("another program is writing: try again")
        super().clear_failures(person_id)


def test_what_the_contact_says_is_written_though_the_passage_has_to_wait_for_a_busy_register() -> None:
    zone = PassbackZone("yard", frozenset({"front"}), frozenset())
    history = BusyAccess()
    door = Door(policy=rules("face", zones=(zone,)), history=history)
    door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    watch(door, frames=2)
    watch(door, Stand(1))
    history.busy = True
    door.lock.set_inputs(DoorInputs(contact=Contact.OPEN))
    assert ("notice", "entered") in said(watch(door, frames=3))
    assert history.passages == {}
    history.busy = False
    watch(door, frames=1)
    assert list(history.passages[ADA]) == ["yard"]


def test_a_person_is_known_to_have_gone_in_though_their_failures_could_not_be_forgotten() -> None:
    history = BusyAccess()
    history.note_failure(ADA, datetime(2026, 1, 1, tzinfo=UTC))
    door = Door(policy=rules("face"), history=history)
    door.lock.set_inputs(DoorInputs(contact=Contact.CLOSED))
    watch(door, frames=2)
    history.busy = True
    assert said(watch(door, Stand(1)))[:2] == LET_IN
    door.lock.set_inputs(DoorInputs(contact=Contact.OPEN))
    (entered,) = [event for event in watch(door, frames=3) if event.reason == "entered"]
    assert entered.person_id == ADA


def test_a_lockdown_begins_though_the_lock_does_not_answer_and_locks_when_it_does() -> None:
    door = door_with(rules("face"))
    watch(door, Stand(1))
    assert door.lock.state() is LockState.UNLOCKED
    door.lock.inject(LockEvent.STOP_ANSWERING)
    at = datetime(2025, 1, 1, tzinfo=UTC)
    door.lockdowns = (Lockdown("all", frozenset({"*"}), "", "an intruder", at),)
    assert ("notice", "lockdown_started") in said(watch(door, frames=2))
    door.lock.inject(LockEvent.COME_BACK)
    watch(door, frames=2)
    assert door.lock.state() is LockState.LOCKED
    assert said(watch(door, frames=5)) == []


def test_somebody_refused_beside_takes_nobodys_pin() -> None:
    everybody = rules("face+pin")
    only_ada = Policy(rules=(replace(everybody.rules[0], group="ada"),))
    door = door_with(only_ada)
    door.people[ADA] = PersonAccess(ADA, groups=frozenset({"ada"}), has_pin=True)
    watch(door, Stand(2), Stand(1, left=400))
    door.type("4711#")
    events = watch(door, Stand(2), Stand(1, left=400))
    assert [event.person_id for event in events if event.outcome == "granted"] == [ADA]


def test_a_pin_of_a_third_person_opens_where_a_pin_alone_does_though_two_are_alike() -> None:
    carol = "c" * 32
    door = door_with(rules("pin", "face+pin"))
    door.people[carol] = PersonAccess(carol, has_pin=True)  # type: ignore[index, arg-type]
    door.history.pins[carol] = ("5831", "")  # type: ignore[index]
    watch(door, Stand(12))
    door.type("5831#")
    granted = [event for event in watch(door, Stand(12), frames=60) if event.outcome == "granted"]
    assert [(event.person_id, event.factors) for event in granted] == [(carol, ("pin",))]


def test_a_card_whose_grant_is_written_too_late_opens_nothing() -> None:
    door = door_with(rules("card"))
    append = door.audit.append

    def slow(event: DoorEvent) -> DoorEvent:
        door.clock.sleep(2.0)
        return append(event)

    door.audit.append = slow  # type: ignore[method-assign]
    door.card("1002")
    assert said(watch(door, frames=1)) == [("granted", "recognised"), ("not_unlocked", "register_fault")]
    assert door.lock.unlocked_for_s == []


@pytest.mark.parametrize("mode", [PassbackMode.SOFT, PassbackMode.HARD])
def test_a_second_entry_is_noted_in_a_soft_zone_and_refused_in_a_hard_one(mode: PassbackMode) -> None:
    zone = PassbackZone("inside", frozenset({"front"}), frozenset({"back"}), mode=mode)
    door = door_with(rules("face", zones=(zone,)))
    assert said(watch(door, Stand(1))) == LET_IN
    watch(door, frames=30)
    door.clock.sleep(60)
    events = watch(door, Stand(1))
    if mode is PassbackMode.HARD:
        assert said(events) == [("denied", "anti_passback")]
        return
    granted, alarm, _ = events
    assert said(events) == [LET_IN[0], ("alarm", "entered_twice"), LET_IN[1]]
    assert (alarm.intent_id, alarm.person_id, alarm.silent) == (granted.event_id, ADA, False)
