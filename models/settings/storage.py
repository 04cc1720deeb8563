"""`StorageSettings`: the table `[storage]`."""

from pathlib import Path

from pydantic import Field

from models.settings.base import Section


class StorageSettings(Section):
    """Where people, templates and events are kept."""

    database: str = Field(default="register.sqlite", min_length=1)
    """The register's file."""
    key_file: Path = Path("keys/register.key")
    """The key that templates and crops are encrypted with. Keep it apart from backups of the database."""
    events_days: int = Field(default=90, ge=0, le=36500)
    """Events are kept for this many days, then a running door deletes them; `0` keeps them for ever."""
    changes_days: int = Field(default=365, ge=0, le=36500)
    """The change log is kept for this many days; `0` keeps it for ever."""
