"""`ShownCredentials`: cards and PINs that were shown at the door and not used yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.domain import CardShown, KeyPressed, Shown

CREDENTIAL_S = 15.0
"""So long a card or a PIN waits for the face, and a face for the card or the PIN, in seconds."""

KEY_PAUSE_S = 10.0
"""Digits without an end are forgotten after so many seconds."""

MAX_DIGITS = 8
"""The longest PIN; more digits are one entry that fits nobody."""

CLEAR, ENTER = "*", "#"


@dataclass(frozen=True, slots=True)
class PinEntered:
    """Digits that were ended with the enter key.

    Attributes:
        digits: what was typed.
        at_s: when, in seconds of the door's clock.
    """

    digits: str
    at_s: float

    def __repr__(self) -> str:
        return f"PinEntered(at_s={self.at_s})"  # a PIN is in no log and in no traceback


class ShownCredentials:
    """What was shown at one door: at most one card and one PIN, the newest ones."""

    def __init__(self) -> None:
        self._digits = ""
        self._last_key_s = 0.0
        self.card: CardShown | None = None
        self.pin: PinEntered | None = None

    @property
    def digits(self) -> int:
        """How many digits were typed and not ended yet."""
        return len(self._digits)

    def take(self, shown: Sequence[Shown]) -> None:
        """Take in what came from readers and keypads, oldest first."""
        for each in shown:
            match each:
                case CardShown():
                    self.card = each
                case KeyPressed():
                    self._press(each)

    def is_over(self, at_s: float) -> bool:
        """True when the card or the PIN has waited for long enough; digits left alone are forgotten."""
        if self._digits and at_s - self._last_key_s > KEY_PAUSE_S:
            self._digits = ""
        waiting = [each.at_s for each in (self.card, self.pin) if each is not None]
        return bool(waiting) and at_s - max(waiting) > CREDENTIAL_S

    def clear(self) -> None:
        """Forget everything: it was used, or refused."""
        self._digits, self.card, self.pin = "", None, None

    def _press(self, pressed: KeyPressed) -> None:
        self._last_key_s = pressed.at_s
        if pressed.key == CLEAR:
            self._digits = ""
        elif pressed.key != ENTER:
            self._digits = (self._digits + pressed.key)[: MAX_DIGITS + 1]
        elif self._digits:
            self.pin, self._digits = PinEntered(self._digits, pressed.at_s), ""
