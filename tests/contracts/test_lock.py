"""What every lock keeps to, by itself and behind the driver that the kiosk puts before it."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from access.hardware.driver import LockDriver
from access.hardware.simulated import SimulatedLock
from models.clock import SimulatedClock
from models.domain import LockState
from models.errors import LockError
from models.ports import Lock
from tests.access.hardware.osdp_peers import osdp_lock_with_device

PEERS: dict[str, Callable[[SimulatedClock], Lock]] = {
    "simulated": SimulatedLock,
    "osdp": osdp_lock_with_device,
}
WAYS = ("alone", "behind the driver")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=itertools.product(PEERS, WAYS), ids=" ".join)
def lock(request: pytest.FixtureRequest, clock: SimulatedClock) -> Iterator[Lock]:
    kind, way = request.param
    lock = PEERS[kind](clock)
    if way == "alone":
        yield lock
        lock.close()
        return
    driver = LockDriver(lock, clock, ack_s=5.0, poll_s=0.002)
    yield driver
    driver.close()
    assert "lock-driver" not in {thread.name for thread in threading.enumerate()}


def comes_to(lock: Lock, state: LockState) -> bool:
    """True when the lock says so in a while: a driver looks at its hardware again and again."""
    ends_s = time.monotonic() + 5.0
    while lock.state() is not state and time.monotonic() < ends_s:
        time.sleep(0.001)
    return lock.state() is state


def test_every_lock_satisfies_the_protocol_and_starts_locked(lock: Lock) -> None:
    assert isinstance(lock, Lock)
    assert comes_to(lock, LockState.LOCKED)


def test_a_lock_unlocks_for_the_time_asked_and_then_locks_by_itself(
    lock: Lock, clock: SimulatedClock
) -> None:
    lock.unlock(3.0)
    assert comes_to(lock, LockState.UNLOCKED)
    clock.sleep(2.9)
    assert comes_to(lock, LockState.UNLOCKED)
    clock.sleep(0.2)
    assert comes_to(lock, LockState.LOCKED)


def test_locking_ends_the_time_and_may_be_repeated(lock: Lock) -> None:
    lock.unlock(60.0)
    lock.lock()
    lock.lock()
    assert comes_to(lock, LockState.LOCKED)


def test_asking_for_the_state_changes_nothing(lock: Lock, clock: SimulatedClock) -> None:
    lock.unlock(1.0)
    assert comes_to(lock, LockState.UNLOCKED)
    assert {lock.state() for _ in range(5)} == {LockState.UNLOCKED}
    clock.sleep(1.0)
    assert comes_to(lock, LockState.LOCKED)
    assert {lock.state() for _ in range(5)} == {LockState.LOCKED}


def test_closing_locks_and_nothing_unlocks_after_it(lock: Lock) -> None:
    lock.unlock(60.0)
    lock.close()
    lock.close()
    assert lock.state() not in {LockState.UNLOCKED, LockState.HELD_UNLOCKED}
    with pytest.raises(LockError):
        lock.unlock(1.0)
    assert lock.state() not in {LockState.UNLOCKED, LockState.HELD_UNLOCKED}


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_is_not_positive_and_finite_unlocks_nothing(lock: Lock, seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        lock.unlock(seconds)
    assert comes_to(lock, LockState.LOCKED)
