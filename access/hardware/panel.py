"""`Panel`, `PanelAnswer`: the interface to an access control panel that decides for the door.

Then Doorward is a reader: after its own grant it sends the person's card number, and the *panel* decides,
moves the lock and says so by its lamp and text. Such a door is no `Lock`: nothing here can unlock it, and
nobody here knows how its lock stands. Whoever granted reports what the panel answered, and nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


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
