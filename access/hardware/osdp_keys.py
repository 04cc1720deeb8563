"""`read_key`, `create_key`, `store_key`: the secure-channel key (SCBK) of an OSDP device, in its own file.

The file holds 32 hexadecimal digits and belongs to its owner only. Whoever has the key can open the door
from the cable; a backup of the database does not hold it.
"""

import secrets
import stat
from pathlib import Path

from models.errors import ConfigError
from models.storage.files import write_atomically

KEY_BYTES = 16

DEFAULT_KEY = bytes(range(0x30, 0x40))
"""SCBK-D: the key that every device has until it is given one of its own. It is printed in the standard."""


def read_key(path: Path) -> bytes:
    """Return the key in a file, 16 bytes.

    Raises:
        ConfigError: the file is absent, readable by others, or holds no key, or the default key.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii")
        key = bytes.fromhex(text)
    except FileNotFoundError as error:
        raise ConfigError(
            f"the OSDP key {path} is absent: run `doorward osdp install`, with the device in install mode"
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"the OSDP key {path} cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others may read the OSDP key {path}: run chmod 600 {path}")
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{path} is no OSDP key of 32 hexadecimal digits: restore it, or install again")
    if key == DEFAULT_KEY:
        raise ConfigError(f"{path} holds the key that every device knows: run `doorward osdp install`")
    return key


def create_key(path: Path) -> bytes:
    """Return the key in a file; where there is none, write a fresh random one to it. Raises ConfigError."""
    if path.exists():
        return read_key(path)
    key = secrets.token_bytes(KEY_BYTES)
    store_key(path, key)
    return key


def store_key(path: Path, key: bytes) -> None:
    """Write a key to its file, whole or not at all, for its owner only.

    Raises:
        ConfigError: it cannot be written, or is the default key.
    """
    if len(key) != KEY_BYTES or key == DEFAULT_KEY:
        raise ConfigError("an OSDP key has 16 bytes and is not the one that every device knows")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, key.hex().encode() + b"\n", mode=0o600)
    except OSError as error:
        raise ConfigError(f"the OSDP key {path} cannot be written: {error.strerror}") from error
