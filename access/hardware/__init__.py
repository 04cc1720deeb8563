"""`open_lock`: makes the lock that the settings name. docs/extend/lock.md says how to add a kind.

A maker imports what it needs only when it is called: a door without a Modbus board needs no Modbus library.
"""

from collections.abc import Callable
from typing import Any

from access.hardware.relay import RelayLock
from access.hardware.simulated import SimulatedLock
from models.ports import Clock, Lock
from models.settings.lock import (
    GpioLockSettings,
    HttpLockSettings,
    LockSettings,
    ModbusLockSettings,
    MqttLockSettings,
    OsdpLockSettings,
    SerialLockSettings,
)


def open_lock(settings: LockSettings, clock: Clock) -> Lock:
    """The lock of the kind `settings.kind`, locked as soon as it answers. Close it at the end.

    Raises:
        ConfigError: the key of kind `osdp` is absent, or readable by others.
        LockError: the pins of kind `gpio` cannot be used. Other hardware that is absent is UNKNOWN meanwhile.
        ModuleNotFoundError: the package for that kind is missing; the command line names the extra.
    """
    return HARDWARE[settings.kind](settings, clock)


def _gpio(settings: GpioLockSettings, clock: Clock) -> Lock:
    from access.hardware.gpio import GpioBoard

    return RelayLock(GpioBoard(settings), clock)


def _serial(settings: SerialLockSettings, clock: Clock) -> Lock:
    from access.hardware.serial_board import SerialBoard

    return RelayLock(SerialBoard(settings), clock)


def _modbus(settings: ModbusLockSettings, clock: Clock) -> Lock:
    from access.hardware.modbus import ModbusBoard

    return RelayLock(ModbusBoard(settings), clock)


def _mqtt(settings: MqttLockSettings, clock: Clock) -> Lock:
    from access.hardware.mqtt import MqttBoard

    return RelayLock(MqttBoard(settings, clock), clock)


def _http(settings: HttpLockSettings, clock: Clock) -> Lock:
    from access.hardware.http import HttpBoard

    return RelayLock(HttpBoard(settings, clock), clock)


def _osdp(settings: OsdpLockSettings, clock: Clock) -> Lock:
    from access.hardware.osdp_lock import OsdpLock

    return OsdpLock(settings, clock)


HARDWARE: dict[str, Callable[[Any, Clock], Lock]] = {
    "simulated": lambda _settings, clock: SimulatedLock(clock),
    "gpio": _gpio,
    "serial": _serial,
    "modbus": _modbus,
    "mqtt": _mqtt,
    "http": _http,
    "osdp": _osdp,
}
"""Maker by kind of lock; the kinds are the classes of `models.settings.lock`."""
