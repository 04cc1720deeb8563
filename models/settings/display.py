"""`DisplaySettings`: the table `[display]`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from models.settings.base import Section

Language = Literal["en", "de"]


class DisplaySettings(Section):
    """The screen beside the door."""

    port: int = Field(default=8090, ge=1, le=65535)
    """The port of the page, on this machine alone."""
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1)
    """The languages of the page, `en` and `de`; the first is shown first, a button changes to the next."""
    show_name: bool = True
    """Greet whoever is let in by the first name."""
    pin_button: bool = False
    """Offer the PIN pad before the door asks for a PIN: for rules that take a PIN without the face."""
    volume: float = Field(default=0.5, ge=0, le=1)
    """How loud the tones are, from 0 (silent) to 1."""
    idle_text: str = Field(default="", max_length=120)
    """What the screen says while nobody is there; default: how to get in."""
    help_text: str = Field(default="", max_length=120)
    """Where to get help, shown to whoever is not let in, such as `Reception: 040 1234`."""
    socket: Path | None = None
    """Where kiosk and display meet; default: `display-DOOR.sock` in the home."""

    @field_validator("languages")
    @classmethod
    def _each_once(cls, languages: tuple[Language, ...]) -> tuple[Language, ...]:
        if len(set(languages)) != len(languages):
            raise ValueError("name each language once")
        return languages
