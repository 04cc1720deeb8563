"""The lock's driver over hardware that is slow, hangs, refuses and breaks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from access.hardware.door_machine import SILENT_S
from access.hardware.driver import LockDriver
from access.hardware.simulated import LockEvent, SimulatedLock
from access.thread_errors import ThreadErrors
from models.clock import SimulatedClock
from models.domain import LockState
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
def driven(*, ack_s: float = 5.0) -> Iterator[tuple[LockDriver, Hardware, SimulatedClock]]:
    clock = SimulatedClock()
    hardware = Hardware(clock)
    driver = LockDriver(hardware, clock, ack_s=ack_s, poll_s=0.002)
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
