"""`open_reader`: makes the card reader or keypad that the settings name."""

from collections.abc import Callable
from typing import Any

from models.ports import Clock, Reader
from models.settings.osdp import OsdpReaderSettings
from models.settings.reader import NoReaderSettings, ReaderSettings, SerialReaderSettings


def open_reader(settings: ReaderSettings, clock: Clock) -> Reader | None:
    """The reader of the kind `settings.kind`, to be entered as a context manager; None for kind `none`.

    Raises:
        ModuleNotFoundError: the package for that kind is missing; the command line names the extra.
    """
    return None if isinstance(settings, NoReaderSettings) else READERS[settings.kind](settings, clock)


def _serial(settings: SerialReaderSettings, clock: Clock) -> Reader:
    from access.hardware.serial_reader import SerialReader

    return SerialReader(settings, clock)


def _osdp(settings: OsdpReaderSettings, clock: Clock) -> Reader:
    from access.hardware.osdp_reader import OsdpReader

    return OsdpReader(settings, clock)


READERS: dict[str, Callable[[Any, Clock], Reader]] = {"serial": _serial, "osdp": _osdp}
"""Maker by kind of reader; the kinds are the classes of `models.settings.reader`, without `none`."""
