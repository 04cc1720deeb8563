"""The simulated lock: every state, every event, every fault."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.hardware import open_lock
from access.hardware.simulated import COMMANDS, TRANSITIONS, LockEvent, SimulatedLock
from models.clock import SimulatedClock
from models.domain import LockState
from models.errors import LockError
from models.settings.settings import Settings

RELEASED_STATES = {LockState.UNLOCKED, LockState.HELD_UNLOCKED}
WAYS: dict[LockState, list[LockEvent]] = {
    LockState.LOCKED: [],
    LockState.UNLOCKED: [LockEvent.UNLOCK],
    LockState.HELD_UNLOCKED: [LockEvent.HOLD_UNLOCKED],
    LockState.JAMMED: [LockEvent.JAM],
    LockState.UNKNOWN: [LockEvent.STOP_ANSWERING],
}


def act(lock: SimulatedLock, event: LockEvent) -> None:
    match event:
        case LockEvent.UNLOCK:
            lock.unlock(5.0)
        case LockEvent.HOLD_UNLOCKED:
            lock.hold_unlocked()
        case LockEvent.LOCK:
            lock.lock()
        case _:
            lock.inject(event)


def lock_in(state: LockState) -> tuple[SimulatedLock, SimulatedClock]:
    clock = SimulatedClock()
    lock = SimulatedLock(clock)
    for event in WAYS[state]:
        act(lock, event)
    assert lock.state() is state
    return lock, clock


def expected(state: LockState, event: LockEvent) -> LockState | None:
    """What a fail-secure lock should do, said in words rather than as a table. None: refused."""
    if event in {LockEvent.LOSE_POWER, LockEvent.STOP_ANSWERING}:
        return LockState.UNKNOWN
    if state is LockState.UNKNOWN:
        return LockState.LOCKED if event is LockEvent.COME_BACK else None if event in COMMANDS else state
    if state is LockState.JAMMED:
        return LockState.LOCKED if event is LockEvent.CLEAR_JAM else None if event in COMMANDS else state
    if event is LockEvent.JAM:
        return LockState.JAMMED
    if event is LockEvent.LOCK:
        return LockState.LOCKED
    if event is LockEvent.HOLD_UNLOCKED:
        return LockState.HELD_UNLOCKED
    if event is LockEvent.UNLOCK:
        return LockState.HELD_UNLOCKED if state is LockState.HELD_UNLOCKED else LockState.UNLOCKED
    if event is LockEvent.TIME_UP and state is LockState.UNLOCKED:
        return LockState.LOCKED
    return state


def test_every_state_follows_the_transition_table_for_every_event() -> None:
    for state, event in itertools.product(LockState, LockEvent):
        lock, _ = lock_in(state)
        following = expected(state, event)
        if following is None:
            with pytest.raises(LockError, match="jammed" if state is LockState.JAMMED else "does not answer"):
                act(lock, event)
            assert lock.state() is state, (state, event)
        else:
            act(lock, event)
            assert lock.state() is following, (state, event)


def test_a_lock_starts_locked_and_relocks_by_itself() -> None:
    clock = SimulatedClock()
    lock = SimulatedLock(clock)
    assert lock.state() is LockState.LOCKED
    lock.unlock(5.0)
    clock.sleep(4.999)
    assert lock.state() is LockState.UNLOCKED
    clock.sleep(0.001)
    assert lock.state() is LockState.LOCKED


def test_a_second_unlock_prolongs_and_never_shortens() -> None:
    lock, clock = lock_in(LockState.UNLOCKED)
    clock.sleep(4.0)
    lock.unlock(5.0)
    lock.unlock(0.5)
    clock.sleep(4.9)
    assert lock.state() is LockState.UNLOCKED
    clock.sleep(0.2)
    assert lock.state() is LockState.LOCKED
    lock.unlock(1.0)
    clock.sleep(1.0)
    assert lock.state() is LockState.LOCKED, "an old, longer release does not come back"


def test_a_held_lock_stays_unlocked_until_it_is_locked() -> None:
    lock, clock = lock_in(LockState.HELD_UNLOCKED)
    lock.unlock(1.0)
    clock.sleep(1e6)
    assert lock.state() is LockState.HELD_UNLOCKED
    lock.lock()
    clock.sleep(1e6)
    assert lock.state() is LockState.LOCKED


def test_an_unlock_that_ended_in_a_fault_does_not_resume_after_it() -> None:
    for fault, repair in [
        (LockEvent.JAM, LockEvent.CLEAR_JAM),
        (LockEvent.LOSE_POWER, LockEvent.COME_BACK),
        (LockEvent.STOP_ANSWERING, LockEvent.COME_BACK),
    ]:
        lock, clock = lock_in(LockState.UNLOCKED)
        lock.inject(fault)
        clock.sleep(0.1)
        lock.inject(repair)
        assert lock.state() is LockState.LOCKED


@pytest.mark.parametrize("unlock_s", [0.0, -1.0, math.nan, math.inf])
def test_unlocking_takes_a_positive_finite_time(unlock_s: float) -> None:
    lock, _ = lock_in(LockState.LOCKED)
    with pytest.raises(ValueError, match="seconds above 0"):
        lock.unlock(unlock_s)
    assert lock.state() is LockState.LOCKED


@pytest.mark.parametrize("event", sorted(COMMANDS))
def test_a_command_cannot_be_injected_as_a_fault(event: LockEvent) -> None:
    lock, _ = lock_in(LockState.LOCKED)
    with pytest.raises(ValueError, match="is a command"):
        lock.inject(event)


@given(st.lists(st.tuples(st.sampled_from(LockEvent), st.floats(0, 10)), max_size=30))
def test_a_lock_is_unlocked_only_by_an_accepted_command_and_for_no_longer(
    happenings: list[tuple[LockEvent, float]],
) -> None:
    clock = SimulatedClock()
    lock = SimulatedLock(clock)
    open_until_s = -math.inf
    for event, wait_s in happenings:
        before = lock.state()
        try:
            act(lock, event)
        except LockError:
            assert lock.state() is before
        else:
            if event is LockEvent.HOLD_UNLOCKED:
                open_until_s = math.inf
            elif event is LockEvent.UNLOCK:
                open_until_s = max(open_until_s, clock.monotonic_s() + 5.0)
            elif event in {LockEvent.LOCK, LockEvent.JAM, LockEvent.LOSE_POWER, LockEvent.STOP_ANSWERING}:
                open_until_s = -math.inf
        clock.sleep(wait_s)
        if lock.state() in RELEASED_STATES:
            assert clock.monotonic_s() < open_until_s


def test_no_event_leads_from_unknown_or_jammed_to_unlocked() -> None:
    for (state, _), following in TRANSITIONS.items():
        if state in {LockState.UNKNOWN, LockState.JAMMED}:
            assert following not in RELEASED_STATES


def test_the_settings_name_the_lock(tmp_path: Path) -> None:
    lock = open_lock(Settings(home=tmp_path).lock, SimulatedClock())
    assert isinstance(lock, SimulatedLock)
    assert lock.state() is LockState.LOCKED
