"""A card reader that is absent, dies and comes back, at a door that opens by the face or a card."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from access.hardware.door_machine import DoorChange
from access.hardware.readers import open_reader
from access.memory_access import MemoryAccess
from access.readers import REOPEN_S, ReaderWatch
from models.clock import SystemClock
from models.domain import Shown
from models.events import DoorEvent
from models.ports import Reader
from models.settings.reader import SerialReaderSettings
from tests.access.door import BOB, LET_IN, Door, Stand
from tests.access.test_second_factor import rules
from tests.operations.real_door import eventually
from tests.peers.pty_port import PtyPort

DIED, BACK = ("alarm", "reader_offline"), ("cleared", "reader_offline")


class DoorWithReader(Door):
    """Its cards and their alarms come from a real reader at a port."""

    def __init__(self, port: Path) -> None:
        history = MemoryAccess({}, {"00001001": BOB})
        super().__init__(policy=rules("face", "card"), history=history)
        self.events: list[DoorEvent] = []

        def make() -> Reader:
            reader = open_reader(SerialReaderSettings(port=str(port)), SystemClock())
            assert reader is not None
            return reader

        self.reader = ReaderWatch(make, self.clock)

    def _read(self) -> list[Shown]:
        return self.reader.read()

    def _more_changes(self) -> list[DoorChange]:
        return self.reader.take_changes()

    def comes_to(self, *expected: tuple[str, str]) -> bool:
        """Whether exactly that happens now, sooner or later."""
        self.events.clear()

        def happened() -> bool:
            self.clock.sleep(REOPEN_S / 20)
            self.events += self.loop.tick()
            return len(self.events) >= len(expected)

        return eventually(happened) and said(self.events) == list(expected)


def said(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    port = PtyPort(tmp_path / "reader", lambda _: b"")
    yield port
    port.unplug()


@pytest.mark.slow
def test_a_reader_that_dies_is_one_alarm_and_the_face_still_opens(port: PtyPort) -> None:
    port.plug_in()
    door = DoorWithReader(port.path)
    with door.reader:
        port.unplug()
        assert door.comes_to(DIED)
        assert said(door.empty(100)) == [], "while it goes on it is the same alarm"
        assert said(door.watch(Stand(1), frames=4)) == LET_IN
        door.empty(60)
        port.plug_in()
        assert door.comes_to(BACK)
        port.send(b"00001001\r\n")
        assert door.comes_to(*LET_IN)
        assert door.events[0].person_id == BOB
        assert door.events[0].factors == ("card",)


def test_a_reader_that_is_absent_at_the_start_is_found_later(port: PtyPort) -> None:
    door = DoorWithReader(port.path)
    with door.reader:
        assert door.comes_to(DIED)
        assert said(door.watch(Stand(1), frames=4)) == LET_IN
        door.empty(60)
        port.plug_in()
        assert door.comes_to(BACK)
