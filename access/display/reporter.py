"""`DisplayReporter`: tells the displays of a door, after every frame, what its loop knows."""

from collections.abc import Callable

from access.display.feed import DisplayFeed
from access.display.state import DoorView, display_state
from access.doorway import DoorDriver
from access.hardware.door_machine import LeafStatus
from access.loop import DoorLoop
from models.domain import Deny, Frame, PersonId
from models.ports import Clock

SHOWN_S = 3.0
"""So long the decision about a card or a PIN without a face is shown."""


class DisplayReporter:
    """Called by the door's thread.

    Args:
        feed: to the displays.
        loop, lock: of the door.
        door: its name.
        time_zone: IANA name for the display's clock; empty for the machine's.
        clock: of the loop.
        name_of: the name to greet a person by; None for none.
    """

    def __init__(
        self,
        feed: DisplayFeed,
        loop: DoorLoop,
        lock: DoorDriver,
        *,
        door: str,
        time_zone: str,
        clock: Clock,
        name_of: Callable[[PersonId], str | None],
    ) -> None:
        self._feed, self._loop, self._lock = feed, loop, lock
        self._door, self._time_zone, self._clock = door, time_zone, clock
        self._name_of = name_of

    def show(self, frame: Frame | None) -> None:
        """Show how the door stands.

        Args:
            frame: the newest picture; None while there is none.
        """
        loop, now = self._loop, self._clock.monotonic_s()
        shown = loop.alone[0] if loop.alone is not None and now - loop.alone[1] <= SHOWN_S else None
        if shown is None and loop.asks is not None:
            shown = Deny(loop.asks)
        view = DoorView(
            door=self._door,
            lock=self._lock.state(),
            mode=loop.mode,
            time_zone=self._time_zone,
            fault=loop.failing,
            held_open=self._lock.door_status() is LeafStatus.HELD_OPEN,
            shown=shown,
            pin_digits=loop.pin_digits,
        )
        if frame is None:
            self._feed.show(display_state((), view, (0, 0)))
            return
        height, width = frame.image.shape[:2]
        self._feed.show(display_state(loop.visible, view, (width, height), self._name_of), frame)
