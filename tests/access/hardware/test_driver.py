"""The lock's driver over hardware that is slow, hangs, refuses and breaks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from access.hardware.door_machine import SILENT_S, DoorLimits, HoldReason, LeafStatus, LockStatus
from access.hardware.driver import HOLD_S, LockDriver
from access.hardware.simulated import LockEvent, SimulatedLock
from access.thread_errors import ThreadErrors
from models.clock import SimulatedClock
from models.domain import Contact, DoorInputs, LockState
from models.errors import LockError


class Hardware(SimulatedLock):
    """A simulated lock that hangs for as long as a test wants, or fails, and notes its calls."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.threads: set[str] = set()
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.hang_in = ""
        self.error: BaseException | None = None

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.threads.add(threading.current_thread().name)
        if self.hang_in == name:
            self.reached.set()
            assert self.go_on.wait(10.0)
        if self.error is not None:
            raise self.error

    def unlock(self, seconds: float) -> None:
        self._called("unlock")
        super().unlock(seconds)

    def lock(self) -> None:
        self._called("lock")
        super().lock()

    def close(self) -> None:
        self.calls.append("close")
        self.error = None
        super().close()

    def state(self) -> LockState:
        if threading.current_thread().name == "lock-driver":
            self.threads.add("lock-driver")
            if self.hang_in == "state":
                self.reached.set()
                assert self.go_on.wait(10.0)
            if self.error is not None:
                raise self.error
        return super().state()


@contextmanager
def driven(
    *, ack_s: float = 5.0, limits: DoorLimits | None = None
) -> Iterator[tuple[LockDriver, Hardware, SimulatedClock]]:
    clock = SimulatedClock()
    hardware = Hardware(clock)
    driver = LockDriver(hardware, clock, limits, ack_s=ack_s, poll_s=0.002)
    try:
        yield driver, hardware, clock
    finally:
        hardware.go_on.set()
        driver.close()


def eventually(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + 5.0
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.001)
    return holds()


class Heard:
    """Collects what a driver tells, until a test has seen what it waits for."""

    def __init__(self, driver: LockDriver) -> None:
        self.driver = driver
        self.changes: list[tuple[str, str, int | None]] = []

    def hears(self, *expected: tuple[str, str, int | None]) -> bool:
        def heard() -> bool:
            self.changes += [
                (each.outcome, str(each.reason), each.grant_id) for each in self.driver.take_changes()
            ]
            return set(expected) <= set(self.changes)

        return eventually(heard)


def looks_again(driver: LockDriver, clock: SimulatedClock) -> bool:
    """True when the hardware was looked at since the clock stood as it stands now."""
    now = clock.monotonic_s()
    return eventually(lambda: driver._seen[1] >= now)


def test_an_order_returns_when_the_hardware_has_obeyed_and_only_the_driver_touches_it() -> None:
    with driven() as (driver, hardware, _):
        driver.unlock(3.0)
        assert SimulatedLock.state(hardware) is LockState.UNLOCKED
        driver.lock()
        assert SimulatedLock.state(hardware) is LockState.LOCKED
    assert hardware.calls == ["unlock", "lock", "close"]
    assert hardware.threads == {"lock-driver"}


def test_what_the_hardware_refuses_is_raised_to_whoever_gave_the_order() -> None:
    with driven() as (driver, hardware, _):
        hardware.inject(LockEvent.JAM)
        with pytest.raises(LockError, match="jammed"):
            driver.unlock(3.0)
        with pytest.raises(LockError, match="jammed"):
            driver.lock()
        hardware.inject(LockEvent.CLEAR_JAM)
        driver.unlock(3.0)
        assert SimulatedLock.state(hardware) is LockState.UNLOCKED


def test_an_order_that_had_to_wait_too_long_is_never_carried_out() -> None:
    with driven(ack_s=0.01) as (driver, hardware, _):
        hardware.hang_in = "state"
        assert hardware.reached.wait(5.0)
        with pytest.raises(LockError, match=r"did not answer within 0\.01 s"):
            driver.unlock(3.0)
        hardware.hang_in = ""
        hardware.go_on.set()
        driver._ack_s = 5.0
        driver.lock()  # orders are taken in turn: the first has had its own by now
        assert hardware.calls == ["lock"]


def test_hardware_that_unlocks_after_the_order_was_given_up_is_locked_at_once() -> None:
    with driven(ack_s=0.01) as (driver, hardware, _):
        hardware.hang_in = "unlock"
        with pytest.raises(LockError, match="did not answer"):
            driver.unlock(60.0)
        assert hardware.reached.is_set()
        hardware.go_on.set()
        assert eventually(lambda: hardware.calls == ["unlock", "lock"])
        assert eventually(lambda: driver.state() is LockState.LOCKED)
        assert SimulatedLock.state(hardware) is LockState.LOCKED


def test_an_order_to_lock_is_carried_out_even_late() -> None:
    with driven() as (driver, hardware, _):
        driver.unlock(60.0)
        driver._ack_s = 0.01
        hardware.hang_in = "state"
        assert hardware.reached.wait(5.0)
        with pytest.raises(LockError, match="did not answer"):
            driver.lock()
        hardware.hang_in = ""
        hardware.go_on.set()
        assert eventually(lambda: SimulatedLock.state(hardware) is LockState.LOCKED)


def test_the_state_is_answered_from_memory_and_unknown_when_it_is_old() -> None:
    with driven() as (driver, hardware, clock):
        assert eventually(lambda: driver.state() is LockState.LOCKED)
        hardware.hang_in = "state"
        assert hardware.reached.wait(5.0)
        assert driver.state() is LockState.LOCKED
        clock.sleep(SILENT_S)
        assert driver.state() is LockState.LOCKED
        clock.sleep(0.001)
        assert driver.state() is LockState.UNKNOWN
        hardware.hang_in = ""
        hardware.go_on.set()
        assert eventually(lambda: driver.state() is LockState.LOCKED)


def test_a_lock_that_cannot_say_how_it_stands_is_unknown_until_it_can() -> None:
    with driven() as (driver, hardware, _):
        assert eventually(lambda: driver.state() is LockState.LOCKED)
        hardware.error = LockError("no answer")
        assert eventually(lambda: driver.state() is LockState.UNKNOWN)
        hardware.error = None
        assert eventually(lambda: driver.state() is LockState.LOCKED)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a bug in the hardware's code")])
def test_an_error_without_a_type_locks_ends_the_thread_and_is_heard(error: BaseException) -> None:
    with ThreadErrors() as threads, driven(ack_s=0.05) as (driver, hardware, _):
        driver.unlock(60.0)
        assert SimulatedLock.state(hardware) is LockState.UNLOCKED
        hardware.error = error
        driver._thread.join(5.0)
        assert SimulatedLock.state(hardware) is LockState.LOCKED
        assert driver.state() is LockState.UNKNOWN
        with pytest.raises(LockError, match="closed"):
            driver.unlock(1.0)
        with pytest.raises(RuntimeError, match="the thread lock-driver has died") as caught:
            threads.raise_first()
    assert caught.value.__cause__ is error


def test_hardware_that_hangs_at_the_end_is_said_to_be_perhaps_unlocked() -> None:
    clock = SimulatedClock()
    hardware = Hardware(clock)
    driver = LockDriver(hardware, clock, close_s=0.01)
    hardware.hang_in = "unlock"
    driver._ack_s = 0.01
    with pytest.raises(LockError, match="did not answer"):
        driver.unlock(1.0)
    with pytest.raises(LockError, match="did not confirm that it is locked"):
        driver.close()
    hardware.go_on.set()
    driver._thread.join(5.0)
    driver.close()
    assert SimulatedLock.state(hardware) is LockState.LOCKED


def test_hardware_that_refuses_to_close_is_said_to_be_perhaps_unlocked() -> None:
    class Stubborn(SimulatedLock):
        def close(self) -> None:
            raise LockError("the cable is gone")

    clock = SimulatedClock()
    driver = LockDriver(Stubborn(clock), clock)
    with pytest.raises(LockError, match="did not confirm that it is locked"):
        driver.close()


def test_what_follows_from_a_grant_names_it() -> None:
    with driven() as (driver, hardware, clock):
        hardware.set_inputs(DoorInputs(contact=Contact.CLOSED))
        assert eventually(lambda: driver.inputs().contact is Contact.CLOSED)
        heard = Heard(driver)
        driver.unlock(5.0, grant_id=7)
        assert driver.door_status() is LockStatus.RELEASED
        hardware.set_inputs(DoorInputs(contact=Contact.OPEN))
        assert heard.hears(("notice", "entered", 7))
        assert driver.door_status() is LeafStatus.OPEN
        hardware.set_inputs(DoorInputs(contact=Contact.CLOSED))
        assert eventually(lambda: driver.door_status() is LockStatus.RELEASED)
        driver.unlock(5.0, grant_id=8)
        for _ in range(7):  # not at once: a second without a look is silence
            clock.sleep(0.9)
            assert looks_again(driver, clock)
        assert heard.hears(("notice", "did_not_enter", 8))
        assert heard.changes == [("notice", "entered", 7), ("notice", "did_not_enter", 8)]


def test_an_unlocking_that_came_too_late_is_an_alarm_and_nobody_went_in() -> None:
    with driven(ack_s=0.01) as (driver, hardware, _):
        heard = Heard(driver)
        hardware.hang_in = "unlock"
        with pytest.raises(LockError, match="did not answer"):
            driver.unlock(60.0, grant_id=7)
        hardware.go_on.set()
        assert heard.hears(("alarm", "lock_unknown", None), ("cleared", "lock_unknown", None))
        assert {grant for _, _, grant in heard.changes} == {None}


def test_a_door_that_stands_unlocked_is_unlocked_again_and_again_until_it_is_locked() -> None:
    with driven() as (driver, hardware, clock):
        heard = Heard(driver)
        driver.hold_unlocked(HoldReason.SCHEDULE)
        assert eventually(lambda: driver.state() is LockState.HELD_UNLOCKED)
        for _ in range(10):
            clock.sleep(HOLD_S / 2)
            assert looks_again(driver, clock)
            assert eventually(lambda: SimulatedLock.state(hardware) is LockState.UNLOCKED)
        driver.lock()
        assert SimulatedLock.state(hardware) is LockState.LOCKED
        assert heard.hears(("notice", "locked_by_schedule", None))
        assert heard.changes == [
            ("notice", "unlocked_by_schedule", None),
            ("notice", "locked_by_schedule", None),
        ]
        orders = hardware.calls.count("unlock")
        clock.sleep(HOLD_S)
        assert looks_again(driver, clock)
        assert hardware.calls.count("unlock") == orders


def test_a_door_is_never_held_unlocked_for_longer_than_the_hardware_itself_measures() -> None:
    """Each order is for a few seconds: without the driver the lock locks by itself."""
    clock = SimulatedClock()
    seconds: list[float] = []

    class Noting(Hardware):
        def unlock(self, for_s: float) -> None:
            seconds.append(for_s)
            super().unlock(for_s)

    driver = LockDriver(Noting(clock), clock, ack_s=5.0, poll_s=0.002)
    driver.hold_unlocked(HoldReason.SCHEDULE)
    driver.close()
    assert set(seconds) == {HOLD_S}


def test_a_door_that_cannot_be_held_unlocked_yet_is_tried_again() -> None:
    with driven() as (driver, hardware, _):
        hardware.inject(LockEvent.JAM)
        with pytest.raises(LockError, match="jammed"):
            driver.hold_unlocked(HoldReason.SCHEDULE)
        hardware.inject(LockEvent.CLEAR_JAM)
        assert eventually(lambda: driver.state() is LockState.HELD_UNLOCKED)


def test_a_fire_alarm_unlocks_at_once_and_no_order_locks_until_it_is_over() -> None:
    with driven() as (driver, hardware, clock):
        heard = Heard(driver)
        hardware.set_inputs(DoorInputs(fire=True))
        assert eventually(lambda: driver.state() is LockState.HELD_UNLOCKED)
        with pytest.raises(LockError, match="fire alarm"):
            driver.lock()
        clock.sleep(2 * HOLD_S)
        assert looks_again(driver, clock)
        assert eventually(lambda: SimulatedLock.state(hardware) is LockState.UNLOCKED)
        hardware.set_inputs(DoorInputs())
        assert eventually(lambda: SimulatedLock.state(hardware) is LockState.LOCKED)
        assert heard.hears(("notice", "fire_release_started", None), ("notice", "fire_release_ended", None))


def test_a_door_held_for_two_reasons_stays_unlocked_when_the_fire_is_over() -> None:
    with driven() as (driver, hardware, _):
        driver.hold_unlocked(HoldReason.SCHEDULE)
        heard = Heard(driver)
        hardware.set_inputs(DoorInputs(fire=True))
        assert heard.hears(("notice", "fire_release_started", None))
        hardware.set_inputs(DoorInputs())
        assert heard.hears(("notice", "fire_release_ended", None))
        assert SimulatedLock.state(hardware) is LockState.UNLOCKED
        assert driver.state() is LockState.HELD_UNLOCKED


def test_a_request_to_exit_unlocks_where_the_settings_say_so() -> None:
    with driven(limits=DoorLimits(exit_request_s=3.0, exit_unlocks=True)) as (driver, hardware, clock):
        heard = Heard(driver)
        assert looks_again(driver, clock)
        hardware.set_inputs(DoorInputs(exit_request=True))
        assert eventually(lambda: driver.state() is LockState.UNLOCKED)
        assert heard.hears(("notice", "exit_request", None))
        clock.sleep(2.0)  # still pressed: prolonged
        assert looks_again(driver, clock)
        assert eventually(lambda: hardware.calls.count("unlock") == 2)
        hardware.set_inputs(DoorInputs())
        assert eventually(lambda: not driver.inputs().exit_request)
        clock.sleep(3.1)
        assert eventually(lambda: driver.state() is LockState.LOCKED)
        hardware.set_inputs(DoorInputs(exit_request=True))
        assert eventually(lambda: driver.state() is LockState.UNLOCKED)


def test_a_request_to_exit_does_not_unlock_where_the_handle_does() -> None:
    with driven() as (driver, hardware, _):
        heard = Heard(driver)
        hardware.set_inputs(DoorInputs(contact=Contact.CLOSED, exit_request=True))
        assert heard.hears(("notice", "exit_request", None))
        hardware.set_inputs(DoorInputs(contact=Contact.OPEN))
        assert eventually(lambda: driver.door_status() is LeafStatus.OPEN)
        assert hardware.calls == []
        assert driver.state() is LockState.LOCKED


def test_hardware_that_hangs_is_offline_although_its_thread_cannot_say_so() -> None:
    with driven() as (driver, hardware, clock):
        assert eventually(lambda: driver.state() is LockState.LOCKED)
        heard = Heard(driver)
        hardware.hang_in = "state"
        assert hardware.reached.wait(5.0)
        clock.sleep(SILENT_S + 0.1)
        assert heard.hears(("alarm", "hardware_offline", None))
        assert driver.door_status() is LockStatus.OFFLINE
        hardware.hang_in = ""
        hardware.go_on.set()
        assert heard.hears(("cleared", "hardware_offline", None))
        assert len(heard.changes) == 2


def test_a_jammed_bolt_is_an_alarm_until_it_is_freed() -> None:
    with driven() as (driver, hardware, _):
        heard = Heard(driver)
        hardware.inject(LockEvent.JAM)
        assert heard.hears(("alarm", "lock_jammed", None))
        hardware.inject(LockEvent.CLEAR_JAM)
        assert heard.hears(("cleared", "lock_jammed", None))
