"""`install_device`, `install_panel`: give a device, or get from a panel, a secure-channel key of its own.

Both use the default key (SCBK-D) once, which everybody knows: whoever listens on the cable meanwhile learns
the new key. Do it with the device beside you, before it is mounted. In service the default key is never used.
"""

import time

import osdp
import osdp_sys

from access.hardware.osdp_control import TICK_S, close_device, open_device
from access.hardware.osdp_keys import create_key, read_key
from access.hardware.osdp_line import Channel, SerialLine
from access.hardware.osdp_panel import OsdpPanel
from models.errors import LockError
from models.settings.osdp import OsdpLine, OsdpPanelSettings

INSTALL_S = 20.0
PANEL_S = 120.0
VERIFY_S = 10.0


def install_device(settings: OsdpLine, *, limit_s: float = INSTALL_S) -> None:
    """Give a lock or reader the key in `settings.key_file`, which is made when it is absent, and try it.

    The device has to be in its install mode, unless it has that key already.

    Args:
        settings: the device.
        limit_s: how long to try, in seconds.

    Raises:
        ConfigError: the key cannot be read or written.
        LockError: the device does not answer, or takes neither this key nor the default one.
    """
    key = create_key(settings.key_file)
    line = SerialLine(settings.port, settings.baud)
    channel = Channel(line, settings.address)
    osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
    # Without EnforceSecure libosdp tries the default key after ours, and then sets ours at once.
    panel = osdp_sys.ControlPanel([osdp.PDInfo(settings.address, channel, scbk=key).get()])
    ends_s = time.monotonic() + limit_s
    try:
        while not panel.status() and time.monotonic() < ends_s:
            panel.refresh()
            line.wait(TICK_S)
        online, secure = bool(panel.status()), bool(panel.sc_status())
    finally:
        del panel
        line.close()
    if not online and channel.heard_at_s is None:
        raise LockError(
            f"no OSDP device {settings.address} answers on {settings.port}: check power, cable, "
            "address and baud, and stop a kiosk that uses the port"
        )
    if not (online and secure):
        raise LockError(
            f"the OSDP device {settings.address} takes neither the key in {settings.key_file} nor the "
            "default one: put it into install mode (see its manual), then try again"
        )
    _verify(settings)


def _verify(settings: OsdpLine) -> None:
    """Connect as in service. Raises LockError."""
    device = open_device(settings.port, settings.baud, settings.address, read_key(settings.key_file))
    try:
        ends_s = time.monotonic() + VERIFY_S
        while not device.answering:
            if time.monotonic() >= ends_s:
                raise LockError(
                    f"the OSDP device {settings.address} took the key and does not answer under it: "
                    "switch it off and on, then try again"
                )
            time.sleep(TICK_S)
    finally:
        close_device(settings.port, device)


def install_panel(settings: OsdpPanelSettings, *, limit_s: float = PANEL_S) -> None:
    """Wait until the panel has given this reader a key, keep it in `settings.key_file`, and try it.

    Args:
        settings: the panel.
        limit_s: how long to wait for it, in seconds.

    Raises:
        ConfigError: the key cannot be written.
        LockError: the panel gave none in time, or does not use it.
    """
    with OsdpPanel(settings, install=True) as reader:
        if not reader.key_received.wait(limit_s):
            raise LockError(
                "the panel gave this reader no key in time: add an OSDP reader with this address to it, with "
                "secure channel and install (pairing) mode, then try again"
            )
        # libosdp has left install mode with the new key: connected again means connected under it.
        ends_s = time.monotonic() + VERIFY_S
        while not reader.connected():
            if time.monotonic() >= ends_s:
                raise LockError(
                    "the panel gave a key and does not use it: remove this reader from the panel, then "
                    "try again"
                )
            time.sleep(TICK_S)
