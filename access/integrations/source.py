"""`EventSource`: the numbered events of every chain, and which a receiver has; `MemorySource` for tests.

A chain is named after its door; `site` is that of acts that belong to no door, and `DOOR/silent` holds what
only the receiver of alarms may hear of.
"""

import dataclasses
import threading
from collections.abc import Mapping
from typing import Protocol

from models.events import DoorEvent

SITE_CHAIN = "site"
SILENT_ENDING = "/silent"


class EventSource(Protocol):
    """Where events come from. Safe to share between threads; every method may raise RegisterError."""

    def chains(self) -> list[str]:
        """Names of all chains."""
        ...

    def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
        """At most `limit` events of a chain whose `seq` is above `after_seq`, lowest first."""
        ...

    def acknowledge(self, receiver: str, chain: str, seq: int) -> None:
        """Keep that a receiver has every event of a chain up to `seq`; on disk when it returns."""
        ...

    def acknowledged(self, receiver: str) -> Mapping[str, int]:
        """The number up to which a receiver has the events, by chain."""
        ...

    def checkpoints(self) -> list[str]:
        """The newest signed checkpoint of each chain that has one, as text (C2SP signed note)."""
        ...


class MemorySource:
    """An `EventSource` in memory: what is in it is gone with the process."""

    def __init__(self) -> None:
        self._chains: dict[str, list[DoorEvent]] = {}
        self._acknowledged: dict[str, dict[str, int]] = {}
        self._checkpoints: dict[str, str] = {}
        self._lock = threading.Lock()

    def append(self, event: DoorEvent) -> DoorEvent:
        """Number an event and add it to the chain of its door, or to the silent one; returned as stored."""
        chain = event.door + SILENT_ENDING if event.silent else event.door
        with self._lock:
            events = self._chains.setdefault(chain, [])
            events.append(dataclasses.replace(event, seq=len(events) + 1))
            return events[-1]

    def set_checkpoint(self, chain: str, text: str) -> None:
        """Make `text` the newest checkpoint of a chain."""
        with self._lock:
            self._checkpoints[chain] = text

    def chains(self) -> list[str]:
        """As `EventSource.chains`."""
        with self._lock:
            return list(self._chains)

    def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
        """As `EventSource.chain_events`."""
        with self._lock:
            return self._chains.get(chain, [])[after_seq : after_seq + limit]

    def acknowledge(self, receiver: str, chain: str, seq: int) -> None:
        """As `EventSource.acknowledge`."""
        with self._lock:
            self._acknowledged.setdefault(receiver, {})[chain] = seq

    def acknowledged(self, receiver: str) -> Mapping[str, int]:
        """As `EventSource.acknowledged`."""
        with self._lock:
            return dict(self._acknowledged.get(receiver, {}))

    def checkpoints(self) -> list[str]:
        """As `EventSource.checkpoints`."""
        with self._lock:
            return list(self._checkpoints.values())


def is_silent(chain: str) -> bool:
    """True for a chain that only the receiver of alarms may hear of."""
    return chain.endswith(SILENT_ENDING)


def door_of(chain: str) -> str:
    """The door that a chain belongs to."""
    return chain.removesuffix(SILENT_ENDING)
