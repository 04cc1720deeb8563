"""`read_secret`: passwords and keys from files of their own."""

import stat
from pathlib import Path

from models.errors import ConfigError


def read_secret(path: Path) -> str:
    """The text of a file that holds a secret, without white space around it.

    Raises:
        ConfigError: it cannot be read, is empty, or may be read by everybody.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret {path} cannot be read: {error}") from error
    if mode & stat.S_IRWXO:
        raise ConfigError(f"everybody may read the secret {path}: run chmod o= {path}")
    if not text:
        raise ConfigError(f"the secret {path} is empty: write the password or key into it")
    return text
