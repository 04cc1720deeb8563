"""Where decisions are written before anything acts on them."""

import dataclasses
from typing import Protocol

from access.events import DoorEvent
from models.register.records import Event
from models.register.register import Register


class Audit(Protocol):
    """A record of what happened at the door."""

    def append(self, event: DoorEvent) -> None:
        """Write one event; on return it is safe. Raises RegisterError."""
        ...


class MemoryAudit:
    """Keeps events in memory, for clips and tests: nothing that happened at a door."""

    def __init__(self) -> None:
        self.events: list[DoorEvent] = []

    def append(self, event: DoorEvent) -> None:
        """Keep one event."""
        self.events.append(event)


class RegisterAudit:
    """Writes events into the register; they are on disk when `append` returns.

    Args:
        register: an open one.
        door: the door's name.
    """

    def __init__(self, register: Register, door: str) -> None:
        self._register = register
        self._door = door

    def append(self, event: DoorEvent) -> None:
        """Write one event. Raises RegisterError."""
        quality = None if event.quality is None else dataclasses.asdict(event.quality)
        self._register.append_event(
            Event(
                at=event.at,
                door=self._door,
                track=event.track,
                outcome=event.outcome,
                reason=str(event.reason),
                person_id=event.person_id,
                score=event.score,
                runner_up=event.runner_up,
                runner_up_score=event.runner_up_score,
                threshold=event.threshold,
                release=event.release,
                quality=quality,
                stages_ms=event.stages_ms,
                frames=event.frames,
            )
        )
