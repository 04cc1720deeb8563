"""`DoorSettings`: the table `[door]`."""

from pydantic import Field, field_validator

from models.settings.base import Section


class DoorSettings(Section):
    """The door this machine opens."""

    id: str = Field(default="front", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The door's name in events: letters, digits, - and _; not `site`, the log of what operators do."""
    # IEC 60839-11-1 demands at least 3 s of a release time that the system defines.
    unlock_s: float = Field(default=5.0, gt=0, le=60)
    """How long a grant unlocks the door, in seconds; at least 3 where IEC 60839-11-1 applies."""
    held_open_s: float = Field(default=30.0, gt=0, le=3600)
    """A door still open so many seconds after its release was over is an alarm; needs a door contact."""
    exit_request_s: float = Field(default=5.0, gt=0, le=60)
    """After the button inside was pressed, the door may be opened for so many seconds without an alarm."""
    exit_request_unlocks: bool = False
    """`true` where the button inside unlocks the lock for `exit_request_s`; `false` where the handle does."""

    @field_validator("id")
    @classmethod
    def _is_no_other_log(cls, value: str) -> str:
        if value == "site":
            raise ValueError("no door can be called site: that is the log of what operators do")
        return value
