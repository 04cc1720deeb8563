"""A clock that is set, and the nights in which the clocks change, at a door that runs."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.clock import SimulatedClock
from models.domain import LockState
from models.events import DoorEvent
from models.rules.door_mode import DoorMode
from models.rules.policy import Policy, Schedule, UnlockTime, Window
from models.rules.request import Lockdown, PersonAccess
from tests.access.door import ADA, LET_IN, Door, Stand

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class SettableClock(SimulatedClock):
    """A machine's clock: somebody sets the time of day, and the monotonic time goes on."""

    def __init__(self, start: datetime = NOON) -> None:
        super().__init__(start)
        self._set_by = timedelta()

    def now(self) -> datetime:
        return super().now() + self._set_by

    def set_by(self, change: timedelta) -> None:
        self._set_by += change


def said(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def visit(door: Door) -> list[tuple[str, str]]:
    """What becomes of Ada, who comes to the locked door anew."""
    door.empty(120)
    assert door.lock.state() is LockState.LOCKED
    return said(door.watch(Stand(1), frames=8))


@pytest.mark.parametrize(
    ("night", "start", "end", "open_minutes"),
    [
        ("2026-03-28T23:00", 90, 210, 60),  # 01:30 to 03:30; the hour from 2 to 3 never comes
        ("2026-10-24T23:00", 90, 210, 180),  # the hour from 2 to 3 comes twice
        ("2026-10-24T23:00", 135, 165, 60),  # 02:15 to 02:45 comes twice
    ],
)
def test_in_the_night_in_which_the_clocks_change_the_schedule_follows_the_clock_on_the_wall(
    night: str, start: int, end: int, open_minutes: int
) -> None:
    day = Schedule("day", ((Window(start, end),),) * 7)
    clock = SimulatedClock(datetime.fromisoformat(night).replace(tzinfo=UTC))
    policy = Policy(schedules={"day": day}, unlock_times=(UnlockTime("front", "day"),))
    door, unlocked = Door(policy=policy, clock=clock, zone=BERLIN), 0
    for _ in range(5 * 60):
        door.loop.tick()
        wall = clock.now().astimezone(BERLIN)
        should_be_open = start <= 60 * wall.hour + wall.minute < end
        assert (door.lock.state() is LockState.UNLOCKED) == should_be_open, wall
        unlocked += should_be_open
        clock.sleep(60)
    assert unlocked == open_minutes


def test_a_clock_set_forward_ends_access_and_lockdowns_early() -> None:
    clock = SettableClock()
    door = Door(clock=clock, people={ADA: PersonAccess(ADA, valid_until=NOON + 2 * HOUR)})
    started, ends = NOON - HOUR, NOON + 24 * HOUR
    assert visit(door) == LET_IN
    clock.set_by(3 * HOUR)
    assert visit(door) == [("denied", "expired")]
    door.lockdowns = (Lockdown("all", frozenset({"*"}), "", "an intruder", started, ends),)
    door.loop.tick()
    assert door.loop.mode is DoorMode.LOCKDOWN
    clock.set_by(24 * HOUR)
    assert said(door.loop.tick()) == [("notice", "lockdown_ended")]


def test_a_clock_set_back_gives_access_that_had_ended() -> None:
    """Who may set the clock decides who gets in: the page says so."""
    clock = SettableClock()
    door = Door(clock=clock, people={ADA: PersonAccess(ADA, valid_until=NOON - HOUR)})
    assert visit(door) == [("denied", "expired")]
    clock.set_by(-2 * HOUR)
    assert visit(door) == LET_IN
    times = [event.at for event in door.audit.events]
    assert times != sorted(times), "the events keep the time that the clock said"
    numbers = [event.event_id or 0 for event in door.audit.events]
    assert numbers == sorted(numbers), "and their numbers the order in which they happened"


def test_a_clock_that_is_set_changes_nothing_of_a_release_under_way() -> None:
    for change in (-24 * HOUR, 24 * HOUR):
        clock = SettableClock()
        door = Door(clock=clock)
        assert said(door.watch(Stand(1), frames=8)) == LET_IN
        clock.set_by(change)
        door.loop.tick()
        assert door.lock.state() is LockState.UNLOCKED
        clock.sleep(5.0)
        assert door.lock.state() is LockState.LOCKED
