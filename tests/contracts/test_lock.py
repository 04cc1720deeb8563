"""What every lock keeps to."""

from collections.abc import Callable

import pytest

from access.locks.simulated import SimulatedLock
from models.clock import SimulatedClock
from models.domain import LockState
from models.errors import LockError
from models.ports import Lock

LOCKS: dict[str, Callable[[SimulatedClock], Lock]] = {"simulated": SimulatedLock}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=LOCKS)
def lock(request: pytest.FixtureRequest, clock: SimulatedClock) -> Lock:
    return LOCKS[request.param](clock)


def test_it_is_a_lock_and_starts_locked(lock: Lock) -> None:
    assert isinstance(lock, Lock)
    assert lock.state() is LockState.LOCKED


def test_it_is_released_for_the_time_asked_and_then_locks_by_itself(
    lock: Lock, clock: SimulatedClock
) -> None:
    lock.release(3.0)
    assert lock.state() is LockState.RELEASED
    clock.sleep(2.9)
    assert lock.state() is LockState.RELEASED
    clock.sleep(0.2)
    assert lock.state() is LockState.LOCKED


def test_locking_ends_a_release_and_may_be_repeated(lock: Lock) -> None:
    lock.release(60.0)
    lock.lock()
    lock.lock()
    assert lock.state() is LockState.LOCKED


def test_asking_for_the_state_changes_nothing(lock: Lock, clock: SimulatedClock) -> None:
    lock.release(1.0)
    assert {lock.state() for _ in range(5)} == {LockState.RELEASED}
    clock.sleep(1.0)
    assert {lock.state() for _ in range(5)} == {LockState.LOCKED}


def test_closing_locks_and_nothing_is_released_after_it(lock: Lock) -> None:
    lock.release(60.0)
    lock.close()
    lock.close()
    assert lock.state() not in {LockState.RELEASED, LockState.HELD}
    with pytest.raises(LockError):
        lock.release(1.0)
    assert lock.state() not in {LockState.RELEASED, LockState.HELD}


@pytest.mark.parametrize("unlock_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_senseless_time_releases_nothing(lock: Lock, unlock_s: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        lock.release(unlock_s)
    assert lock.state() is LockState.LOCKED
