"""A kiosk that is killed: what its relay does without it, and what the next kiosk finds."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.register.register import Register
from tests.operations.door_process import run_door
from tests.operations.real_door import SURE_S, eventually
from tests.peers.serial_board import LcusBoard
from tests.peers.shelly import ShellyPeer

ADA, NOBODY = 1, 0
pytestmark = pytest.mark.slow

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.operations.door_process"])  # imported once for all of them


class DoorProcess:
    """A door that runs until it is killed."""

    def __init__(self, home: Path, lock: str, who: int, hang_after_grant: bool) -> None:
        self._said, said = processes.Pipe(duplex=False)
        self._process = processes.Process(target=run_door, args=(home, lock, who, hang_after_grant, said))
        self._process.start()
        said.close()

    def says(self, word: str) -> bool:
        """Wait until it says that; False when it ends before or takes too long."""
        try:
            while self._said.poll(SURE_S):
                if self._said.recv() == word:
                    return True
        except EOFError:
            pass
        return False

    def kill(self) -> None:
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(SURE_S)
        assert self._process.exitcode == -signal.SIGKILL
        self._said.close()


@contextmanager
def door_process(home: Path, lock: str, who: int, *, hang_after_grant: bool = False) -> Iterator[DoorProcess]:
    """A door that is killed at the end."""
    door = DoorProcess(home, lock, who, hang_after_grant)
    try:
        yield door
    finally:
        door.kill()


@pytest.fixture
def shelly() -> Iterator[ShellyPeer]:
    peer = ShellyPeer()
    yield peer
    peer.stop()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LcusBoard]:
    board = LcusBoard(tmp_path / "relay")
    yield board
    board.port.unplug()


def http(peer: ShellyPeer) -> str:
    return f"http:{peer.port}"


def outcomes(desk: Register) -> list[str]:
    return [event.outcome for event in desk.events() if event.outcome in {"granted", "unlocked"}]


def test_killed_while_locked_it_stays_locked_and_the_next_one_lets_in(
    tmp_path: Path, desk: Register, shelly: ShellyPeer
) -> None:
    with door_process(tmp_path, http(shelly), NOBODY) as door:
        assert door.says("ready")
    assert not shelly.is_on()
    assert not [request for request in shelly.requests if "on=true" in request]
    with door_process(tmp_path, http(shelly), ADA) as again:
        assert again.says("unlocked")
    assert desk.verify_log().problems == ()


def test_killed_while_unlocked_a_relay_with_a_timer_locks_by_itself(
    tmp_path: Path, desk: Register, shelly: ShellyPeer
) -> None:
    with door_process(tmp_path, http(shelly), ADA) as door:
        assert door.says("unlocked")
    assert [request for request in shelly.requests if "toggle_after" in request]
    assert eventually(lambda: not shelly.is_on())
    assert outcomes(desk) == ["granted", "unlocked"]


def test_killed_while_unlocked_a_relay_without_a_timer_stays_on_until_the_next_kiosk_locks_it(
    tmp_path: Path, desk: Register, board: LcusBoard
) -> None:
    lock = f"serial:{tmp_path / 'relay'}"
    with door_process(tmp_path, lock, ADA) as door:
        assert door.says("unlocked")
    assert board.relays[0], "nobody is there to switch it off"
    with door_process(tmp_path, lock, NOBODY) as again:
        assert again.says("ready")
        assert eventually(lambda: not board.relays[0])
    assert outcomes(desk) == ["granted", "unlocked"]


def test_killed_between_grant_and_unlocking_nothing_moves_then_or_later(
    tmp_path: Path, desk: Register, shelly: ShellyPeer
) -> None:
    with door_process(tmp_path, http(shelly), ADA, hang_after_grant=True) as door:
        assert door.says("granted")
        assert outcomes(desk) == ["granted"], "it was on disk before anything moved"
    with door_process(tmp_path, http(shelly), NOBODY) as again:
        assert again.says("ready")
        assert eventually(lambda: sum("GetStatus" in request for request in shelly.requests) > 5)
    assert not [request for request in shelly.requests if "on=true" in request], "no old grant is made good"
    assert outcomes(desk) == ["granted"]
    assert desk.verify_log().problems == ()
