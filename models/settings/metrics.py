"""`MetricsSettings`: the table `[metrics]`."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from models.settings.base import Section

SOCKET, OFF = "socket", "off"
_ADDRESS = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)):(?P<port>[0-9]{1,5})")


def tcp_address(listen: str) -> tuple[str, int] | None:
    """The address and port that `listen` names; None for `socket` and `off`.

    Raises:
        ValueError: it is none of them, not an address of this machine alone, or no port from 1 to 65535.
    """
    if listen in (SOCKET, OFF):
        return None
    found = _ADDRESS.fullmatch(listen)
    if found is None:
        raise ValueError('write "socket", "off", or an address and port such as "127.0.0.1:9464"')
    host, port = found["six"] or found["four"], int(found["port"])
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(
            f"{host} can be reached from other machines, and whoever asks is not asked for a password: write "
            "127.0.0.1 or [::1], and let a program on this machine pass the figures on"
        )
    if not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return host, port


def _checked(listen: str) -> str:
    tcp_address(listen)
    return listen


class MetricsSettings(Section):
    """Where this machine may read a door's figures and whether it is well."""

    listen: Annotated[str, AfterValidator(_checked)] = SOCKET
    """`socket`: the file `kiosk-DOOR.metrics.sock` in the home; or an address of this machine alone, such as
    `127.0.0.1:9464`; or `off`."""
