"""What every lock keeps to."""

from collections.abc import Callable

import pytest

from access.hardware.simulated import SimulatedLock
from models.clock import SimulatedClock
from models.domain import LockState
from models.errors import LockError
from models.ports import Lock

PEERS: dict[str, Callable[[SimulatedClock], Lock]] = {"simulated": SimulatedLock}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=PEERS)
def lock(request: pytest.FixtureRequest, clock: SimulatedClock) -> Lock:
    return PEERS[request.param](clock)


def test_every_lock_satisfies_the_protocol_and_starts_locked(lock: Lock) -> None:
    assert isinstance(lock, Lock)
    assert lock.state() is LockState.LOCKED


def test_a_lock_unlocks_for_the_time_asked_and_then_locks_by_itself(
    lock: Lock, clock: SimulatedClock
) -> None:
    lock.unlock(3.0)
    assert lock.state() is LockState.UNLOCKED
    clock.sleep(2.9)
    assert lock.state() is LockState.UNLOCKED
    clock.sleep(0.2)
    assert lock.state() is LockState.LOCKED


def test_locking_ends_the_time_and_may_be_repeated(lock: Lock) -> None:
    lock.unlock(60.0)
    lock.lock()
    lock.lock()
    assert lock.state() is LockState.LOCKED


def test_asking_for_the_state_changes_nothing(lock: Lock, clock: SimulatedClock) -> None:
    lock.unlock(1.0)
    assert {lock.state() for _ in range(5)} == {LockState.UNLOCKED}
    clock.sleep(1.0)
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
    assert lock.state() is LockState.LOCKED
