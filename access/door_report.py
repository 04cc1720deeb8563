"""`DoorReport`: how a door stands now; a kiosk writes it to a file, and `doorward sync` reads it.

The chain of events says what happened; a lock that locks again by itself is no event. So a kiosk keeps a
small file up to date, and counts in it: a file whose count stands still belongs to a kiosk that is gone, and
then nothing is known of the door.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from models.domain import Contact, DoorInputs, LockState
from models.events import AlarmReason
from models.ports import Clock

FOLDER = "status"
"""Under the home: a file per door."""
HEARTBEAT_S = 2.0
"""A kiosk writes at least so often."""
DOOR_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SILENT_S = 10.0
"""A file that has not changed for so long says nothing."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DoorReport:
    """How a door stands.

    Attributes:
        lock: what the lock says of itself.
        inputs: what is wired to the door.
        problems: reasons of alarms and faults that are in force; never a silent one.

    Raises:
        ValueError: a silent alarm is among the problems: who stands at the door may see them.
    """

    lock: LockState
    inputs: DoorInputs = field(default_factory=DoorInputs)
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if AlarmReason.DURESS in self.problems:
            raise ValueError("duress is no problem of the door: only the receiver of alarms may hear of it")


class DoorReportFile:
    """Keeps the file of a door up to date. For one thread.

    Args:
        home: of the site.
        door: its name.
        clock: spaces the signs of life.
    """

    def __init__(self, home: Path, door: str, clock: Clock) -> None:
        self._path = home / FOLDER / f"{door}.json"
        self._clock = clock
        self._count = 0
        self._written: DoorReport | None = None
        self._due_s = 0.0
        self._in_trouble = False

    def update(self, status: DoorReport) -> None:
        """Write the file if the status is another one, or as a sign of life. Never raises: a door goes on."""
        now_s = self._clock.monotonic_s()
        if status == self._written and now_s < self._due_s:
            return
        self._count += 1
        record = {
            "lock": status.lock,
            "inputs": asdict(status.inputs),
            "problems": list(status.problems),
            "process": os.getpid(),
            "count": self._count,
        }
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not flushed to the disk: after a power cut the file says nothing anyhow.
            draft = self._path.with_suffix(".new")
            draft.write_text(json.dumps(record), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            if not self._in_trouble:
                log.warning("the door's status cannot be written", error=str(error))
            self._in_trouble = True
            return
        self._written, self._due_s, self._in_trouble = status, now_s + HEARTBEAT_S, False

    def close(self) -> None:
        """Remove the file: nothing is known of a door that is not watched. Never raises."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the door's status cannot be removed", error=str(error))


class DoorReportReader:
    """Reads the files of all doors of this machine. For one thread.

    Args:
        home: of the site.
        clock: measures how long a file stood still.
    """

    def __init__(self, home: Path, clock: Clock) -> None:
        self._folder = home / FOLDER
        self._clock = clock
        self._seen: dict[str, tuple[str, float]] = {}

    def read(self) -> dict[str, DoorReport | None]:
        """The status of every door that has or had a file since this object was made; None: not known now."""
        now_s = self._clock.monotonic_s()
        paths = self._folder.glob("*.json")
        found = {path.stem: path for path in paths if DOOR_NAME.fullmatch(path.stem)}
        return {door: self._read_door(door, found.get(door), now_s) for door in {*self._seen, *found}}

    def _read_door(self, door: str, path: Path | None, now_s: float) -> DoorReport | None:
        try:
            text = "" if path is None else path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
        if door not in self._seen:
            # Found lying there: it may be of a kiosk that is long gone. It has to change first.
            self._seen[door] = text, now_s - SILENT_S
        before, changed_s = self._seen[door]
        if text != before:
            self._seen[door] = text, now_s
            changed_s = now_s
        return _status(text) if now_s - changed_s < SILENT_S else None


def _status(text: str) -> DoorReport | None:
    """What a file says; None for one that is no status."""
    try:
        record: dict[str, Any] = json.loads(text)
        inputs: dict[str, Any] = record["inputs"]
        return DoorReport(
            LockState(record["lock"]),
            DoorInputs(**(inputs | {"contact": Contact(inputs["contact"])})),
            tuple(map(str, record["problems"])),
        )
    except (ValueError, KeyError, TypeError):
        return None
