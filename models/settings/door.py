"""`DoorSettings`: the table `[door]`."""

from pydantic import Field

from models.settings.base import Section


class DoorSettings(Section):
    """The door this machine opens."""

    id: str = Field(default="front", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The door's name in events: letters, digits, - and _."""
    unlock_s: float = Field(default=5.0, gt=0, le=60)
    """How long a grant unlocks the door, in seconds."""
