"""`SiteSettings`: the table `[site]`."""

from zoneinfo import ZoneInfo

from pydantic import Field

from models.settings.base import Section


class SiteSettings(Section):
    """What the place is called and what people sign there."""

    name: str = Field(default="site", min_length=1, max_length=100)
    """The name of the place, as shown on pages and in reports."""
    time_zone: ZoneInfo | None = None
    """The zone of the times that people see, such as `Europe/Berlin`; default: the machine's."""
    consent: str | None = Field(default=None, min_length=1)
    """The consent text that people sign at this site; used when `enroll` is given none. Without either,
    nobody is enrolled."""
