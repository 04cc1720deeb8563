"""`ReaderSettings`: the table `[reader]`, a class per kind of card reader or keypad."""

from typing import Annotated, Literal

from pydantic import Field

from models.settings.base import KIND, Section
from models.settings.osdp import OsdpReaderSettings


class NoReaderSettings(Section):
    """There is no reader at this door."""

    kind: Literal["none"] = "none"
    """The kind of reader: `none`, `serial` or `osdp`."""


class SerialReaderSettings(Section):
    """A card reader at a USB or serial port that sends each card's number as a line."""

    kind: Literal["serial"] = "serial"
    """The kind of reader."""
    port: str = Field(min_length=1)
    """The port, best by its name in `/dev/serial/by-id/`."""
    baud: int = Field(default=9600, ge=300, le=4_000_000)
    """Bits per second."""


ReaderSettings = Annotated[
    NoReaderSettings | SerialReaderSettings | OsdpReaderSettings, Field(discriminator=KIND)
]
