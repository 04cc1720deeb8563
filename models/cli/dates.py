"""`parse_time`: dates and times of day on the command line."""

from datetime import datetime, tzinfo

from models.errors import InputError


def parse_time(text: str, zone: tzinfo | None) -> datetime:
    """A date or a time of day, with its zone.

    Args:
        text: in ISO 8601, such as 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00+01:00. A date alone is
            its first moment.
        zone: of a time that names none; None for this machine's.

    Raises:
        InputError: it is neither.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
        return at.astimezone() if zone is None else at.replace(tzinfo=zone)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{text} is no date: write it as 2026-11-01 or 2026-11-01T08:00") from error
