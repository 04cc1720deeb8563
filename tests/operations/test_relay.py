"""A relay board that is unplugged, does not move, or does not let go, at a door where somebody stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from access.hardware.door_machine import OFFLINE_DETAIL, DoorLimits
from access.hardware.relay import RelayLock
from access.hardware.serial_board import SerialBoard
from models.clock import SystemClock
from models.domain import DoorInputs
from models.register.register import Register
from models.settings.door import DoorSettings
from models.settings.lock import SerialLockSettings
from tests.access.door import Stand
from tests.operations.real_door import NotedLock, RealDoor, eventually, is_locked
from tests.peers.serial_board import LcusBoard

ADA = Stand(1)
ANSWER_S = 2.0
WORDS = ("Out of order", "The lock does not answer.")
pytestmark = pytest.mark.slow


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LcusBoard]:
    board = LcusBoard(tmp_path / "relay")
    yield board
    board.port.unplug()


def lock_at(board: LcusBoard) -> RelayLock:
    return RelayLock(
        SerialBoard(SerialLockSettings(port=str(board.port.path)), answer_s=ANSWER_S), SystemClock()
    )


@pytest.mark.parametrize("without_power", ["locked", "unlocked"])
def test_a_board_that_is_unplugged_is_an_alarm_until_it_is_back(
    tmp_path: Path, desk: Register, board: LcusBoard, without_power: Literal["locked", "unlocked"]
) -> None:
    limits = DoorLimits.of(DoorSettings(), without_power)
    with RealDoor(tmp_path, lock_at(board), limits=limits) as door:
        assert eventually(lambda: is_locked(door))
        board.port.unplug()
        assert eventually(lambda: bool(door.heard("alarm", "hardware_offline")))
        assert door.heard("alarm", "hardware_offline")[0].detail == OFFLINE_DETAIL[without_power]
        assert eventually(lambda: door.screen_words() == WORDS)
        assert door.watch_until(lambda: bool(door.heard("denied", "lock_fault")), ADA)
        board.port.plug_in()
        assert eventually(lambda: bool(door.heard("cleared", "hardware_offline")))
        assert door.watch_until(lambda: board.relays[0], ADA)
    assert not board.relays[0]


def test_a_relay_that_says_locked_though_told_to_unlock_is_no_welcome(
    tmp_path: Path, desk: Register, board: LcusBoard
) -> None:
    with RealDoor(tmp_path, lock_at(board)) as door:
        assert eventually(lambda: is_locked(door))
        board.stuck = True
        assert door.watch_until(lambda: bool(door.heard("not_unlocked", "lock_fault")), ADA)
        assert not door.heard("unlocked", "recognised")
        board.stuck = False
        assert door.watch_until(lambda: bool(door.heard("unlocked", "recognised")), ADA)


def test_a_relay_that_does_not_let_go_is_an_alarm(tmp_path: Path, desk: Register, board: LcusBoard) -> None:
    with RealDoor(tmp_path, lock_at(board), unlock_s=1.0) as door:
        assert eventually(lambda: is_locked(door))
        assert door.watch_until(lambda: board.relays[0], ADA)
        board.stuck = True
        assert eventually(lambda: bool(door.heard("alarm", "lock_unknown")))
        assert board.relays[0], "the door stands open, and somebody is told"
        assert door.screen_words()[0] == "The door is open"
        board.stuck = False
        assert eventually(lambda: bool(door.heard("cleared", "lock_unknown")))
        assert not board.relays[0]


def test_a_housing_that_is_opened_is_an_alarm_until_it_is_closed(tmp_path: Path, desk: Register) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door:
        assert eventually(lambda: is_locked(door))
        lock.set_inputs(DoorInputs(tamper=True))
        assert eventually(lambda: bool(door.heard("alarm", "tamper")))
        assert door.watch_until(lambda: lock.unlockings == 1, ADA), "the door goes on"
        lock.set_inputs(DoorInputs())
        assert eventually(lambda: bool(door.heard("cleared", "tamper")))
    assert [str(event.reason) for event in desk.events() if event.outcome == "alarm"] == ["tamper"]
