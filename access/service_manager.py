"""`ServiceManager`: tells systemd that the door has started, is alive and what it does (sd_notify(3))."""

import os
import socket

import structlog

from models.ports import Clock

BEATS = 4
"""Signs of life within the watchdog's limit, so that one that comes late does no harm."""

log = structlog.get_logger(__name__)


class ServiceManager:
    """Speaks to systemd over the socket that `NOTIFY_SOCKET` names; where there is none, it does nothing.

    Args:
        clock: spaces the signs of life.

    Attributes:
        watchdog_s: without a sign of life for this long the process is ended; None: nobody watches it.
    """

    def __init__(self, clock: Clock) -> None:
        address, limit_us = os.environ.get("NOTIFY_SOCKET", ""), os.environ.get("WATCHDOG_USEC", "")
        self._address = (
            "\0" + address[1:] if address.startswith("@") else address
        )  # @: no file, a name in Linux
        self.watchdog_s = int(limit_us) / 1e6 if self._address and limit_us.isdecimal() else None
        self._clock = clock
        self._status = ""
        self._ready = False
        self._next_beat_s = 0.0

    def alive(self, status: str) -> None:
        """A sign of life; the first says that the door has started.

        Args:
            status: what `systemctl status` shows.
        """
        status = " ".join(status.split())  # a line break would begin another message
        lines, now_s = [], self._clock.monotonic_s()
        if not self._ready:
            lines.append("READY=1")
        if status != self._status:
            lines.append(f"STATUS={status}")
        if self.watchdog_s is not None and (now_s >= self._next_beat_s or not self._ready):
            lines.append("WATCHDOG=1")
            self._next_beat_s = now_s + self.watchdog_s / BEATS
        self._ready, self._status = True, status
        self._send(lines)

    def stopping(self) -> None:
        """The door ends."""
        self._send(["STOPPING=1"])

    def _send(self, lines: list[str]) -> None:
        if not (self._address and lines):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except OSError as error:
                log.warning("systemd cannot be told", error=str(error))
