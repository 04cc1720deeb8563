"""`DoorSettings`: the table `[door]`."""

from pydantic import Field, field_validator

from models.settings.base import Section


class DoorSettings(Section):
    """The door this machine opens."""

    id: str = Field(default="front", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The door's name in events: letters, digits, - and _; not `site`, the log of what operators do."""
    unlock_s: float = Field(default=5.0, gt=0, le=60)
    """How long a grant unlocks the door, in seconds."""

    @field_validator("id")
    @classmethod
    def _is_no_other_log(cls, value: str) -> str:
        if value == "site":
            raise ValueError("no door can be called site: that is the log of what operators do")
        return value
