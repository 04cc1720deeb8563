"""`LogSettings`: the table `[log]`."""

from typing import Literal

from models.settings.base import Section


class LogSettings(Section):
    """What the program says of itself."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important message written: `debug`, `info`, `warning` or `error`."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines."""
