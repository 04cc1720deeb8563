"""What every lock keeps to, by itself and behind the driver that the kiosk puts before it.

Each kind is connected to a real peer (`tests.contracts.lock_benches`): gpiozero's own pins, a board at a
pty, pymodbus' server, a relay at a Mosquitto broker, an HTTP server with digest authentication.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from access.hardware.driver import LockDriver
from models.domain import Contact, DoorInputs, LockState
from models.errors import LockError
from models.ports import Lock
from tests.contracts.lock_benches import (
    ANSWER_S,
    Bench,
    Can,
    GpioActiveLowBench,
    GpioBench,
    HttpBench,
    ModbusRtuBench,
    ModbusTcpBench,
    MqttBench,
    OsdpBench,
    SerialBench,
    SimulatedBench,
)

BENCHES: dict[str, type[Bench]] = {
    "simulated": SimulatedBench,
    "gpio": GpioBench,
    "gpio active low": GpioActiveLowBench,
    "serial": SerialBench,
    "modbus tcp": ModbusTcpBench,
    "modbus rtu": ModbusRtuBench,
    "mqtt": MqttBench,
    "http": HttpBench,
    "osdp": OsdpBench,
}
KINDS = {name.partition(" ")[0] for name in BENCHES}
WAYS = ("alone", "behind the driver")
LIMIT_S = 20.0


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = BENCHES[request.param](tmp_path)
    yield bench
    bench.close()
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"lock-driver", "pty-port", "modbus-peer", "mqtt-proxy", "shelly-peer"}


@pytest.fixture(params=WAYS)
def lock(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Lock]:
    if request.param == "alone":
        lock: Lock = bench.lock
    else:
        lock = LockDriver(bench.lock, bench.clock, ack_s=LIMIT_S, close_s=LIMIT_S, poll_s=0.02)
    assert comes_to(lock, LockState.LOCKED)
    yield lock
    try:
        lock.close()
    except LockError:
        assert not bench.is_unlocked() or request.node.get_closest_marker("may_stay_unlocked")


def eventually(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return holds()


def inputs_of(lock: Lock) -> DoorInputs | None:
    """What the inputs say, None while the hardware has not said it yet."""
    try:
        return lock.inputs()
    except LockError:
        return None


def comes_to(lock: Lock, state: LockState) -> bool:
    """True when the lock says so in a while: hardware is looked at again and again."""
    return eventually(lambda: lock.state() is state)


def benches_that(able: Callable[[Can], bool]) -> pytest.MarkDecorator:
    """Runs a test with the benches whose hardware can do, or have, something."""
    names = [name for name, bench in BENCHES.items() if able(bench.can)]
    return pytest.mark.parametrize("bench", names, indirect=True)


def test_every_lock_satisfies_the_protocol_and_starts_locked(lock: Lock, bench: Bench) -> None:
    assert isinstance(lock, Lock)
    assert not bench.is_unlocked()


@pytest.mark.slow
def test_a_lock_unlocks_for_the_time_asked_and_then_locks_by_itself(lock: Lock, bench: Bench) -> None:
    began_s = bench.clock.monotonic_s()
    lock.unlock(1.5)
    assert bench.is_unlocked()
    assert comes_to(lock, LockState.UNLOCKED)
    assert comes_to(lock, LockState.LOCKED)
    assert eventually(lambda: not bench.is_unlocked())
    # A relay's own timer may run a little faster than our clock.
    assert bench.clock.monotonic_s() - began_s > 1.4


@pytest.mark.slow
def test_a_time_under_way_is_never_shortened(lock: Lock, bench: Bench) -> None:
    began_s = bench.clock.monotonic_s()
    lock.unlock(1.5)
    lock.unlock(0.1)
    assert comes_to(lock, LockState.LOCKED)
    assert bench.clock.monotonic_s() - began_s > 1.4


def test_locking_ends_the_time_and_may_be_repeated(lock: Lock, bench: Bench) -> None:
    lock.unlock(60.0)
    assert bench.is_unlocked()
    lock.lock()
    assert not bench.is_unlocked()
    lock.lock()
    assert comes_to(lock, LockState.LOCKED)


def test_asking_for_the_state_changes_nothing(lock: Lock, bench: Bench) -> None:
    lock.unlock(60.0)
    assert comes_to(lock, LockState.UNLOCKED)
    assert {lock.state() for _ in range(5)} == {LockState.UNLOCKED}
    assert bench.is_unlocked()
    lock.lock()
    assert comes_to(lock, LockState.LOCKED)
    assert {lock.state() for _ in range(5)} == {LockState.LOCKED}
    assert not bench.is_unlocked()


def test_closing_locks_and_nothing_unlocks_after_it(lock: Lock, bench: Bench) -> None:
    lock.unlock(60.0)
    lock.close()
    lock.close()
    assert not bench.is_unlocked()
    assert lock.state() not in {LockState.UNLOCKED, LockState.HELD_UNLOCKED}
    with pytest.raises(LockError):
        lock.unlock(1.0)
    assert lock.state() not in {LockState.UNLOCKED, LockState.HELD_UNLOCKED}
    assert not bench.is_unlocked()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_is_not_positive_and_finite_unlocks_nothing(
    lock: Lock, bench: Bench, seconds: float
) -> None:
    with pytest.raises(ValueError, match="seconds"):
        lock.unlock(seconds)
    assert comes_to(lock, LockState.LOCKED)
    assert not bench.is_unlocked()


@pytest.mark.slow
def test_hardware_that_dies_is_unknown_refuses_and_is_found_again(lock: Lock, bench: Bench) -> None:
    bench.die()
    assert comes_to(lock, LockState.UNKNOWN)
    with pytest.raises(LockError):
        lock.unlock(1.0)
    assert lock.state() is LockState.UNKNOWN
    bench.come_back()
    assert comes_to(lock, LockState.LOCKED)
    assert not bench.is_unlocked()
    lock.unlock(60.0)
    assert bench.is_unlocked()


@pytest.mark.slow
def test_hardware_that_dies_while_unlocked_is_locked_when_it_comes_back(lock: Lock, bench: Bench) -> None:
    lock.unlock(0.5)
    bench.die()
    assert comes_to(lock, LockState.UNKNOWN)
    time.sleep(0.5)  # the time of the order
    bench.come_back()
    assert comes_to(lock, LockState.LOCKED)
    assert not bench.is_unlocked()


@benches_that(lambda can: can.get_stuck)
def test_a_relay_that_does_not_move_is_an_error_and_not_a_grant(lock: Lock, bench: Bench) -> None:
    bench.get_stuck()
    with pytest.raises(LockError, match=r"though it was switched on|does not say that it has obeyed"):
        lock.unlock(1.0)
    assert lock.state() is not LockState.UNLOCKED
    assert not bench.is_unlocked()


@pytest.mark.slow
@pytest.mark.may_stay_unlocked
@benches_that(lambda can: can.get_stuck)
def test_a_relay_that_does_not_lock_again_is_not_called_locked(lock: Lock, bench: Bench) -> None:
    lock.unlock(60.0)
    bench.get_stuck()
    with pytest.raises(LockError):
        lock.lock()
    assert {lock.state() for _ in range(2)} <= {LockState.UNKNOWN, LockState.UNLOCKED}
    with pytest.raises(LockError):
        lock.close()


@pytest.mark.slow
@benches_that(lambda can: can.be_late)
def test_an_order_whose_answer_comes_too_late_is_an_error_and_is_undone(lock: Lock, bench: Bench) -> None:
    bench.be_late(ANSWER_S + 0.5)
    with pytest.raises(LockError):
        lock.unlock(60.0)
    bench.be_late(0.0)
    assert comes_to(lock, LockState.LOCKED)
    assert eventually(lambda: not bench.is_unlocked())


def test_each_input_is_told_apart(lock: Lock, bench: Bench) -> None:
    if not bench.can.inputs:
        assert lock.inputs() == DoorInputs()
        return
    wired = {
        "contact": {"contact": Contact.OPEN},
        "exit_request": {"exit_request": True},
        "tamper": {"tamper": True},
    }
    rest = {"contact": Contact.CLOSED}
    for name in bench.can.inputs:
        for change in ({}, wired.get(name, {}), {}):
            inputs = DoorInputs(**rest | change)
            bench.set_inputs(inputs)
            assert eventually(lambda expected=inputs: inputs_of(lock) == expected), (name, lock.inputs())


@benches_that(lambda can: "fire" in can.inputs)
def test_a_fire_alarm_is_seen_and_behind_the_driver_it_unlocks(lock: Lock, bench: Bench) -> None:
    bench.set_inputs(DoorInputs(contact=Contact.CLOSED, fire=True))
    assert eventually(lambda: inputs_of(lock) == DoorInputs(contact=Contact.CLOSED, fire=True))
    if isinstance(lock, LockDriver):
        assert comes_to(lock, LockState.HELD_UNLOCKED)
        assert bench.is_unlocked()
        with pytest.raises(LockError, match="fire"):
            lock.lock()
    bench.set_inputs(DoorInputs(contact=Contact.CLOSED))
    assert comes_to(lock, LockState.LOCKED)
    assert not bench.is_unlocked()
