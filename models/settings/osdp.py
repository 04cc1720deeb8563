"""`OsdpLockSettings`, `OsdpReaderSettings`, `PanelSettings`: what is connected over OSDP, and how."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from models.settings.base import Section

BaudRate = Literal[9600, 19200, 38400, 57600, 115200, 230400]


class _OsdpLine(Section):
    """A device on a serial line."""

    port: str = Field(default="/dev/ttyUSB0", min_length=1)
    """The serial port. Tables that name the same port share the line."""
    baud_rate: BaudRate = 9600
    """Bits per second, as set at the device: `9600`, `19200`, `38400`, `57600`, `115200` or `230400`."""
    address: int = Field(default=0, ge=0, le=126)
    """The device's address on the line."""
    key_file: Path = Path("keys/osdp.key")
    """The secure-channel key, made by `doorward osdp install`. Tables that name the same device name one."""


class OsdpLockSettings(_OsdpLine):
    """An output of an OSDP device: a door module, or the relay inside a card reader."""

    kind: Literal["osdp"] = "osdp"
    """The kind of lock."""
    output: int = Field(default=0, ge=0, le=31)
    """The output that releases the door, counted from 0."""
    contact_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the door contact, active while the door is open; none without a contact."""
    exit_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the exit button, active while it is pressed."""
    fire_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the fire alarm system, active while it asks for the door to be released."""
    inverted_inputs: tuple[int, ...] = ()
    """Inputs that mean the opposite: active while the door is closed, the button is not pressed ..."""


class OsdpReaderSettings(_OsdpLine):
    """A card reader, a keypad, or both."""

    kind: Literal["osdp"] = "osdp"
    """The kind of reader."""


class NoPanelSettings(Section):
    """This door decides by itself."""

    kind: Literal["none"] = "none"
    """The kind of panel."""


class OsdpPanelSettings(_OsdpLine):
    """Another access control panel decides; Doorward is its face reader."""

    kind: Literal["osdp"] = "osdp"
    """The kind of panel."""
    card_bits: Literal[26, 34, 37] = 26
    """The format of the site's cards: `26` (H10301), `34` (H10306) or `37` (H10304) bits."""
    facility_code: int = Field(default=0, ge=0, le=65535)
    """Put before a card number that was stored without one; up to 255 with 26 bits."""
    answer_s: float = Field(default=3.0, gt=0, le=30)
    """So long the panel has to say what it decided, in seconds."""
    granted_colour: Literal["green", "blue", "amber", "white", "cyan", "magenta"] = "green"
    """The colour of the lamp by which the panel says that it lets somebody in."""
    denied_colour: Literal["red", "amber", "magenta", "blue"] = "red"
    """The colour of the lamp by which it says that it does not."""
