"""`ReaderWatch`: keeps a card reader or keypad open, and says when it does not answer."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from access.hardware.door_machine import DoorChange
from models.domain import Shown
from models.errors import ReaderError
from models.events import AlarmReason
from models.ports import Clock, Reader

REOPEN_S = 5.0
"""Between two attempts to open a reader that could not be opened."""

SILENT_S = 2.0
"""A reader that does not answer for so long is an alarm: one that was just opened may take half a second."""

log = structlog.get_logger(__name__)


class ReaderWatch:
    """A reader that never raises: while it does not answer nothing comes from it, and there is an alarm.

    A reader that was opened and does not answer connects again by itself, so it is asked on and never closed.

    Used as a context manager. `read` and `answer` may be called by different threads.

    Args:
        make: makes the reader, not opened yet.
        clock: for the pauses.
    """

    def __init__(self, make: Callable[[], Reader], clock: Clock) -> None:
        self._make, self._clock = make, clock
        self._reader: Reader | None = None
        self._away = False
        self._silent_since_s: float | None = None
        self._try_at_s = clock.monotonic_s()
        self._changes: list[DoorChange] = []
        self._busy = threading.Lock()

    def __enter__(self) -> Self:
        """Open the reader; one that does not answer is tried again later."""
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reader."""
        self._close()

    def read(self) -> list[Shown]:
        """Cards and keys since the last call; nothing while the reader does not answer."""
        with self._busy:
            return self._read()

    def _read(self) -> list[Shown]:
        if self._reader is None:
            if self._clock.monotonic_s() >= self._try_at_s:
                self._open()
            return []
        try:
            shown = self._reader.read()
        except ReaderError as error:
            self._note_silence(error)
            return []
        self._note_answer()
        return shown

    def answer(self, *, granted: bool) -> None:
        """Show by lamp and buzzer what was decided; nothing happens while the reader does not answer."""
        with self._busy:
            if self._reader is None:
                return
            try:
                self._reader.answer(granted=granted)
            except ReaderError as error:
                self._note_silence(error)

    def take_changes(self) -> list[DoorChange]:
        """Alarms since the last call, oldest first."""
        changes, self._changes = self._changes, []
        return changes

    def _open(self) -> None:
        reader = self._make()
        try:
            reader.__enter__()
        except ReaderError as error:
            self._try_at_s = self._clock.monotonic_s() + REOPEN_S
            self._note_silence(error)
            return
        self._reader = reader

    def _note_answer(self) -> None:
        self._silent_since_s = None
        if self._away:
            self._away = False
            self._changes.append(DoorChange("cleared", AlarmReason.READER_OFFLINE, self._clock.monotonic_s()))
            log.info("the reader answers again")

    def _note_silence(self, error: ReaderError) -> None:
        now_s = self._clock.monotonic_s()
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if self._away or now_s - self._silent_since_s < SILENT_S:
            return
        self._away = True
        log.warning("the reader does not answer", error=str(error))
        self._changes.append(
            DoorChange("alarm", AlarmReason.READER_OFFLINE, self._clock.monotonic_s(), detail=str(error))
        )

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.__exit__(None, None, None)
