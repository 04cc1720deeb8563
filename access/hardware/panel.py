"""`Panel`, `PanelDriver`, `open_panel`: an access control panel that decides for the door.

Then Doorward is a reader: after its own grant it sends the person's card number, and the *panel* decides,
moves the lock and says so by its lamp and text. Such a door is no `Lock`: nothing here can unlock it, and
nobody here knows how its lock stands. Whoever granted reports what the panel answered, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from access.hardware.door_machine import DoorChange, HoldReason, LeafStatus
from models.domain import DoorInputs, LockState
from models.errors import LockError
from models.events import AlarmReason
from models.ports import Clock
from models.settings.osdp import NoPanelSettings, PanelSettings

SILENT_S = 2.0
"""A panel that is not connected for so long is an alarm."""

PAUSE_S = 0.01
PATIENCE_S = 60.0
"""A panel answers, or is said not to, long before; after that its thread is dead."""


class PanelDecision(StrEnum):
    """What a panel made of a card."""

    GRANTED = "granted"
    DENIED = "denied"
    NO_ANSWER = "no_answer"
    """It said neither in time."""


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """What a panel made of the card that was sent last.

    Attributes:
        decision: granted, denied, or no answer.
        text: what it wrote for the person meanwhile; empty for most panels.
    """

    decision: PanelDecision
    text: str = ""

    @property
    def detail(self) -> str:
        """Words for the event of a grant that the panel did not follow; empty when it did."""
        if self.decision is PanelDecision.GRANTED:
            return ""
        said = f": {self.text}" if self.text else ""
        if self.decision is PanelDecision.DENIED:
            return f"the panel refused the card{said}"
        return f"the panel did not say in time whether it opens{said}: check its rules for this reader"


@runtime_checkable
class Panel(Protocol):
    """A panel that decides. Use as a context manager: entering connects, leaving closes."""

    def __enter__(self) -> "Panel":
        """Connect. Raises ConfigError."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Disconnect; may be called twice."""
        ...

    def connected(self) -> bool:
        """True while the panel asks, over a secure connection. Never grant while it does not."""
        ...

    def send_card(self, number: str) -> None:
        """Send the number of a person's card and return at once; `answer` tells what became of it.

        Raises:
            InputError: it is no card number that the panel's format can carry.
            LockError: the panel is not connected, or has not answered for the person before.
        """
        ...

    def send_key(self, key: str) -> None:
        """Send a key that somebody pressed: `0` to `9`, `*` or `#`. Raises LockError, and ValueError."""
        ...

    def set_tamper(self, *, tampered: bool) -> None:
        """Tell the panel whether this device's housing is open."""
        ...

    def answer(self) -> PanelAnswer | None:
        """The panel's answer to the card sent last, once; None while there is none yet. Never waits."""
        ...

    def text(self) -> str:
        """What the panel wants to be shown now; empty when nothing."""
        ...


def open_panel(settings: PanelSettings) -> Panel | None:
    """The panel that the settings name, to be entered as a context manager; None for kind `none`.

    Raises:
        ModuleNotFoundError: the package for that kind is missing; the command line names the extra.
    """
    if isinstance(settings, NoPanelSettings):
        return None
    from access.hardware.osdp_panel import OsdpPanel

    return OsdpPanel(settings)


class PanelDriver:
    """Stands where `access.hardware.driver.LockDriver` stands, at a door whose panel decides.

    To "unlock" is to send the card of the person who was granted, and to wait for the panel's answer.

    Args:
        panel: entered already; who entered it leaves it.
        card_number_of: the card number of the person of a grant, by the grant's `event_id`; None: has none.
        clock: of the door.
    """

    def __init__(self, panel: Panel, card_number_of: Callable[[int], str | None], clock: Clock) -> None:
        self._panel, self._card_number_of, self._clock = panel, card_number_of, clock
        self._connected_at_s = clock.monotonic_s()
        self._away = False

    def unlock(self, seconds: float, *, grant_id: int | None = None) -> None:
        """Send the card of the grant's person, and wait until the panel has said what it decided.

        Args:
            seconds: not used: the panel knows how long it opens.
            grant_id: the `event_id` of the grant.

        Raises:
            LockError: the panel refused, did not answer, or is not connected; or there is no card to send.
            InputError: the person's card number cannot be sent to this panel.
        """
        number = None if grant_id is None else self._card_number_of(grant_id)
        if number is None:
            raise LockError(
                "the panel decides at this door, and there is no card number to send it: give the person one "
                "with `doorward card add`"
            )
        self._panel.send_card(number)
        ends_s = self._clock.monotonic_s() + PATIENCE_S
        while (answer := self._panel.answer()) is None:
            if self._clock.monotonic_s() >= ends_s:
                raise LockError("the panel's connection has ended: start the kiosk again")
            self._clock.sleep(PAUSE_S)
        if answer.decision is not PanelDecision.GRANTED:
            raise LockError(answer.detail)

    def hold_unlocked(self, reason: HoldReason) -> None:
        """Refuse: only the panel can hold its door. Raises LockError, always."""
        raise LockError(f"the panel decides at this door: hold it unlocked there ({reason})")

    def lock(self) -> None:
        """Do nothing: nothing of ours is unlocked, and the panel locks by itself."""

    def state(self) -> LockState:
        """LOCKED while the panel is connected, so that it can be asked; UNKNOWN while it is not.

        How the panel's lock really stands is known to the panel alone.
        """
        return LockState.LOCKED if self._panel.connected() else LockState.UNKNOWN

    def inputs(self) -> DoorInputs:
        """Nothing: contact and buttons are wired to the panel."""
        return DoorInputs()

    def door_status(self) -> LeafStatus:
        """No contact: it is wired to the panel."""
        return LeafStatus.NO_CONTACT

    def take_changes(self) -> list[DoorChange]:
        """The alarm that the panel is not connected, when it begins and ends."""
        now_s = self._clock.monotonic_s()
        connected = self._panel.connected()
        if connected:
            self._connected_at_s = now_s
        away = not connected and now_s - self._connected_at_s >= SILENT_S
        if connected and self._away:
            self._away = False
            return [DoorChange("cleared", AlarmReason.HARDWARE_OFFLINE, now_s)]
        if away and not self._away:
            self._away = True
            detail = "the panel does not ask this reader: check its power, the cable and the key"
            return [DoorChange("alarm", AlarmReason.HARDWARE_OFFLINE, now_s, detail=detail)]
        return []

    def close(self) -> None:
        """Do nothing: nothing of ours is unlocked."""
