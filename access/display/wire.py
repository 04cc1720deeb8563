"""How kiosk and display speak over their socket: `packet`, `PacketReader`, `short_address`, `socket_path`.

From the kiosk: packets, each of a letter (`S` a state as JSON, `P` a picture as JPEG), four bytes with the
length, most significant first, and so many bytes. From the display: a byte for each key that was pressed.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.settings.display import DisplaySettings

STATE, PICTURE = b"S", b"P"
KEYS = frozenset("0123456789*#")
KEY_BYTES = frozenset(map(ord, KEYS))
MAX_BYTES = 4_000_000
"""A packet that claims to be longer is no packet."""

HEARTBEAT_S = 1.0
"""The kiosk sends a state at least so often."""

SILENT_S = 3.0
"""A kiosk that says nothing for so long is out of order."""

_HEADER = struct.Struct("!cI")


def socket_path(settings: DisplaySettings, home: Path, door: str) -> Path:
    """Where a door's kiosk listens for its displays."""
    return settings.socket or home / f"display-{door}.sock"


def packet(kind: bytes, content: bytes) -> bytes:
    """The bytes of one packet."""
    return _HEADER.pack(kind, len(content)) + content


class PacketReader:
    """Finds packets in the bytes as they come."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, received: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The kind and content of each packet that is complete now.

        Raises:
            ValueError: these are no packets.
        """
        self._bytes += received
        while len(self._bytes) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._bytes)
            if kind not in {STATE, PICTURE} or length > MAX_BYTES:
                raise ValueError("these are no packets of a kiosk")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                return
            content = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield kind, content


@contextmanager
def short_address(path: Path) -> Iterator[str]:
    """An address of a socket's path while inside: a Unix socket's own may have 107 bytes only.

    Raises:
        OSError: the folder is not there.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
