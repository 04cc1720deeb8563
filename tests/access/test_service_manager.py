"""What systemd hears of a door, over a real socket as it gives one to a service."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.service_manager import ServiceManager
from models.clock import SimulatedClock


@pytest.fixture(params=["a file", "an abstract name"])
def receiver(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """A socket whose address stands in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "a file" else f"@doorward-test-{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        yield receiver


def heard(receiver: socket.socket) -> list[list[str]]:
    messages = []
    while True:
        try:
            messages.append(receiver.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return messages


def test_the_first_sign_of_life_says_ready_and_a_status_is_said_when_it_changes(
    receiver: socket.socket,
) -> None:
    service = ServiceManager(SimulatedClock())
    assert heard(receiver) == []
    service.alive("watched")
    service.alive("watched")
    service.alive("no camera")
    service.stopping()
    assert heard(receiver) == [["READY=1", "STATUS=watched"], ["STATUS=no camera"], ["STOPPING=1"]]
    assert service.watchdog_s is None


def test_signs_of_life_are_four_in_the_time_of_the_watchdog_and_none_without_a_call(
    receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "8000000")
    clock = SimulatedClock()
    service = ServiceManager(clock)
    assert service.watchdog_s == 8.0
    for _ in range(60):
        service.alive("watched")
        clock.sleep(0.1)
    messages = heard(receiver)
    assert messages == [["READY=1", "STATUS=watched", "WATCHDOG=1"], ["WATCHDOG=1"], ["WATCHDOG=1"]]
    clock.sleep(60.0)
    assert heard(receiver) == []


def test_a_status_cannot_say_anything_else(receiver: socket.socket) -> None:
    ServiceManager(SimulatedClock()).alive("camera gone\nMAINPID=1")
    assert heard(receiver) == [["READY=1", "STATUS=camera gone MAINPID=1"]]


def test_without_a_service_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "8000000")
    service = ServiceManager(SimulatedClock())
    service.alive("watched")
    service.stopping()
    assert service.watchdog_s is None


def test_a_service_manager_that_does_not_listen_does_not_stop_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    ServiceManager(SimulatedClock()).alive("watched")
    assert "systemd cannot be told" in "".join(capsys.readouterr())
