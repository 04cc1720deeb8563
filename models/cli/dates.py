"""`parse_time`: dates and times of day on the command line."""

from datetime import datetime

from models.errors import InputError


def parse_time(text: str) -> datetime:
    """A date or a time of day, with its zone; one without a zone is meant in this machine's.

    Args:
        text: in ISO 8601, such as 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00+01:00. A date alone is
            its first moment.

    Raises:
        InputError: it is neither.
    """
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo is not None else at.astimezone()
    except (ValueError, OverflowError) as error:
        raise InputError(f"{text} is no date: write it as 2026-11-01 or 2026-11-01T08:00") from error
