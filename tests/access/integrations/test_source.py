"""What the outbox relies on: the register, and the sources of the tests, number and keep events alike."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from access.integrations.source import EventSource, MemorySource
from models.events import AlarmReason, DoorEvent
from models.register.register import Register
from tests.access.integrations.peers import SqliteSource
from tests.door_events import NOON, door_event


class Site(Protocol):
    """A source, and what writes into it."""

    source: EventSource

    def append(self, event: DoorEvent) -> None: ...

    def again(self) -> EventSource:
        """The same after the process has ended."""
        ...


class InMemory:
    def __init__(self, _folder: Path) -> None:
        self.source = MemorySource()

    def append(self, event: DoorEvent) -> None:
        self.source.append(event)

    def again(self) -> EventSource:
        return self.source


class InSqlite:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "chains"
        self.source = SqliteSource(self._path)

    def append(self, event: DoorEvent) -> None:
        self.source.append(event)

    def again(self) -> EventSource:
        self.source.close()
        self.source = SqliteSource(self._path)
        return self.source


class InRegister:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "register.sqlite"
        self.source = Register.open(self._path, bytes(32))

    def append(self, event: DoorEvent) -> None:
        self.source.append_event(event)

    def again(self) -> EventSource:
        self.source.close()
        self.source = Register.open(self._path, bytes(32))
        return self.source


MAKERS: dict[str, Callable[[Path], InMemory | InSqlite | InRegister]] = {
    "memory": InMemory,
    "sqlite": InSqlite,
    "register": InRegister,
}


@pytest.fixture(params=MAKERS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> InMemory | InSqlite | InRegister:
    return MAKERS[request.param](tmp_path)


def numbers(source: EventSource, chain: str, after: int = 0, limit: int = 100) -> list[int | None]:
    return [event.seq for event in source.chain_events(chain, after, limit)]


def test_every_door_has_numbers_of_its_own_without_a_gap(site: Site) -> None:
    for number in range(12):
        site.append(door_event(door=("front", "back", "front")[number % 3]))
    assert {"front", "back"} <= set(site.source.chains())
    assert numbers(site.source, "front") == list(range(1, 9))
    assert numbers(site.source, "back") == [1, 2, 3, 4]
    assert numbers(site.source, "front", after=3, limit=2) == [4, 5]
    assert numbers(site.source, "front", after=8) == numbers(site.source, "nowhere") == []


def test_an_event_that_is_read_is_the_one_that_was_written(site: Site) -> None:
    written = door_event(detail="the camera is gone", advice=(), at=NOON + timedelta(microseconds=1))
    site.append(written)
    (read,) = site.source.chain_events("front", 0, 10)
    assert (read.at, read.door, read.outcome, read.reason) == (written.at, "front", "denied", written.reason)
    assert read.detail == written.detail


def test_silent_events_stand_in_a_chain_of_their_own(site: Site) -> None:
    site.append(door_event())
    site.append(door_event(outcome="alarm", reason=AlarmReason.DURESS, silent=True, track=None))
    site.append(door_event())
    assert numbers(site.source, "front") == [1, 2]
    (silent,) = site.source.chain_events("front/silent", 0, 10)
    assert (silent.seq, silent.door, silent.silent) == (1, "front", True)


def test_what_a_receiver_has_is_kept_for_each_receiver_and_chain(site: Site) -> None:
    site.append(door_event())
    assert dict(site.source.acknowledged("a")) == {}
    site.source.acknowledge("a", "front", 1)
    site.source.acknowledge("a", "site", 0)
    site.source.acknowledge("a", "front", 2)
    site.source.acknowledge("b", "front", 1)
    found = site.again()
    assert dict(found.acknowledged("a")) == {"front": 2, "site": 0}
    assert dict(found.acknowledged("b")) == {"front": 1}
