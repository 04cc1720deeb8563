"""Fire beats a lockdown, a lockdown beats a schedule, and a schedule waits for its first person."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from models.rules.door_mode import DoorMode, arms_unlocking, door_mode
from models.rules.policy import Policy, Schedule, UnlockTime, Window
from models.rules.request import DoorState, Lockdown

NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Berlin"))
SHOP = Schedule("shop", ((Window(540, 1080),),) * 7, {"short": (Window(540, 600),)})
POLICY = Policy(schedules={"shop": SHOP}, unlock_times=(UnlockTime("front", "shop"),))
FIRST = replace(POLICY, unlock_times=(UnlockTime("front", "shop", first_person=True),))
ALARM = Lockdown("all", frozenset({"*"}), "", "alarm", NOON)


def mode(policy: Policy = POLICY, door: str = "front", at: datetime = NOON, **state: object) -> DoorMode:
    return door_mode(policy, door, at, DoorState(**state))  # type: ignore[arg-type]


def test_fire_beats_lockdown_beats_schedule() -> None:
    for fire, locked_down, hour in product((True, False), (True, False), (12, 20)):
        state = DoorState(fire_release=fire, lockdowns=(ALARM,) if locked_down else ())
        by_schedule = DoorMode.UNLOCKED if hour == 12 else DoorMode.LOCKED
        expected = DoorMode.FIRE if fire else DoorMode.LOCKDOWN if locked_down else by_schedule
        assert door_mode(POLICY, "front", NOON.replace(hour=hour), state) is expected


def test_a_door_without_a_schedule_stays_locked() -> None:
    assert mode(door="lab") is DoorMode.LOCKED
    assert mode(Policy()) is DoorMode.LOCKED


def test_a_lockdown_ends_by_itself_and_a_drill_or_another_door_locks_nothing() -> None:
    for change, expected in (
        ({"ends_at": NOON + timedelta(seconds=1)}, DoorMode.LOCKDOWN),
        ({"ends_at": NOON}, DoorMode.UNLOCKED),
        ({"drill": True}, DoorMode.UNLOCKED),
        ({"doors": frozenset({"lab"})}, DoorMode.UNLOCKED),
        ({"doors": frozenset({"front"})}, DoorMode.LOCKDOWN),
    ):
        assert mode(lockdowns=(replace(ALARM, **change),)) is expected  # type: ignore[arg-type]


def test_a_holiday_locks_unless_it_has_a_row() -> None:
    assert mode(replace(POLICY, calendar={NOON.date(): "public"})) is DoorMode.LOCKED
    short = replace(POLICY, calendar={NOON.date(): "short"})
    assert mode(short, at=NOON.replace(hour=9)) is DoorMode.UNLOCKED
    assert mode(short, at=NOON.replace(hour=10)) is DoorMode.LOCKED


def test_the_first_person_of_the_day_arms_the_schedule() -> None:
    assert mode(FIRST) is DoorMode.LOCKED
    assert mode(FIRST, first_person_on=date(2026, 11, 22)) is DoorMode.LOCKED
    assert mode(FIRST, first_person_on=date(2026, 11, 23)) is DoorMode.UNLOCKED
    assert mode(FIRST, at=NOON.replace(hour=18), first_person_on=date(2026, 11, 23)) is DoorMode.LOCKED


def test_who_comes_outside_the_schedule_or_elsewhere_arms_nothing() -> None:
    assert arms_unlocking(FIRST, "front", NOON)
    assert not arms_unlocking(FIRST, "front", NOON.replace(hour=8, minute=59))
    assert not arms_unlocking(FIRST, "lab", NOON)
    assert not arms_unlocking(POLICY, "front", NOON)
