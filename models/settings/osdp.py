"""`OsdpLine`, `OsdpReaderSettings`, `PanelSettings`: devices and panels that are connected over OSDP."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models.settings.base import KIND, Section

Baud = Literal[9600, 19200, 38400, 57600, 115200, 230400]


class OsdpLine(Section):
    """A device on a serial line."""

    port: str = Field(default="/dev/ttyUSB0", min_length=1)
    """The serial port. Tables that name the same port share the line."""
    baud: Baud = 9600
    """Bits per second, as set at the device: `9600`, `19200`, `38400`, `57600`, `115200` or `230400`."""
    address: int = Field(default=0, ge=0, le=126)
    """The device's address on the line."""
    key_file: Path = Path("keys/osdp.key")
    """The secure-channel key, made by `doorward osdp install`. Tables that name the same device name one."""


class OsdpReaderSettings(OsdpLine):
    """A card reader, a keypad, or both."""

    kind: Literal["osdp"] = "osdp"
    """The kind of reader."""


class NoPanelSettings(Section):
    """This door decides by itself."""

    kind: Literal["none"] = "none"
    """The kind of panel: `none` or `osdp`."""


class OsdpPanelSettings(OsdpLine):
    """Another access control panel decides; Doorward is its face reader."""

    kind: Literal["osdp"] = "osdp"
    """The kind of panel."""
    card_bits: Literal[26, 34, 37] = 26
    """The format of these card numbers: `26` (H10301), `34` (H10306) or `37` (H10304) bits."""
    facility_code: int = Field(default=0, ge=0, le=65535)
    """Of card numbers that are stored as printed on the card, without one; up to 255 with 26 bits."""
    answer_s: float = Field(default=3.0, gt=0, le=30)
    """So long the panel has to say what it decided, in seconds."""
    granted_colour: Literal["green", "blue", "amber", "white", "cyan", "magenta"] = "green"
    """The colour of the lamp by which the panel says that it lets somebody in."""
    denied_colour: Literal["red", "amber", "magenta", "blue"] = "red"
    """The colour of the lamp by which it says that it does not."""


def _with_kind(given: Any) -> Any:
    """A table without a kind is of the first; a setting of another kind is then refused by name."""
    return {KIND: "none"} | dict(given) if isinstance(given, Mapping) else given


PanelSettings = Annotated[
    NoPanelSettings | OsdpPanelSettings, Field(discriminator=KIND), BeforeValidator(_with_kind)
]
