"""`OsdpReader`: a card reader or keypad that is connected over OSDP."""

from collections import deque
from typing import Any

import osdp
import structlog

from access.hardware.card_bits import card_number
from access.hardware.osdp_control import Device, close_device, open_device
from access.hardware.osdp_keys import read_key
from models.domain import CardShown, KeyPressed, Shown
from models.errors import InputError, ReaderError
from models.ports import Clock
from models.settings.osdp import OsdpReaderSettings

LAMP_S, TONE_S = 2.0, 0.2
CONFIRM_S = 1.0
MAX_WAITING = 64
"""Cards and keys that nobody asked for: the oldest are dropped."""

DELETE, RETURN = 0x7F, 0x0D
"""How the standard writes the keys * and #."""

KEYS = {DELETE: "*", RETURN: "#", **{ord(key): key for key in "0123456789*#"}}

log = structlog.get_logger(__name__)


class OsdpReader:
    """Cards and keys of an OSDP device. It may be the device, or on the line, of an `OsdpLock`.

    Args:
        settings: which device.
        clock: stamps cards and keys.
    """

    def __init__(self, settings: OsdpReaderSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._device: Device | None = None
        self._shown: deque[Shown] = deque(maxlen=MAX_WAITING)

    def __enter__(self) -> "OsdpReader":
        """Connect. A device that does not answer yet is called again and again. Raises ConfigError."""
        settings = self._settings
        self._device = open_device(
            settings.port, settings.baud, settings.address, read_key(settings.key_file)
        )
        self._device.on_event = self._take
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the device; may be called twice."""
        if self._device is not None:
            self._device.on_event = None
            close_device(self._settings.port, self._device)
            self._device = None

    def read(self) -> list[Shown]:
        """Cards and keys since the last call, oldest first.

        Raises:
            ReaderError: the device does not answer.
        """
        if self._device is None or not self._device.answering:
            self._shown.clear()
            raise ReaderError("the OSDP reader does not answer: check its power, its cable and its key")
        return [self._shown.popleft() for _ in range(len(self._shown))]

    def answer(self, *, granted: bool) -> None:
        """Green lamp and one tone, or red lamp and three, where the device has them."""
        device = self._device
        if device is None or not device.answering:
            return
        if device.count(osdp.Capability.LEDControl):
            device.order(_lamp(granted=granted), CONFIRM_S)
        if device.count(osdp.Capability.AudibleControl):
            device.order(_tone(granted=granted), CONFIRM_S)

    def _take(self, event: dict[str, Any]) -> None:
        now_s = self._clock.monotonic_s()
        if event["event"] == osdp.Event.CardRead:
            try:
                self._shown.append(CardShown(card_number(event["data"], event["length"]), now_s))
            except (InputError, KeyError) as error:
                log.warning("a card could not be read", error=str(error))
        elif event["event"] == osdp.Event.KeyPress:
            self._shown.extend(KeyPressed(KEYS[key], now_s) for key in event["data"] if key in KEYS)


def _lamp(*, granted: bool) -> dict[str, Any]:
    colour = osdp.CommandLEDColor.Green if granted else osdp.CommandLEDColor.Red
    return {
        "command": osdp.Command.LED,
        "reader": 0,
        "led_number": 0,
        "temporary": True,
        "control_code": 2,
        "on_count": 10,
        "off_count": 0,
        "on_color": colour,
        "off_color": osdp.CommandLEDColor.Black,
        "timer_count": round(LAMP_S * 10),
    }


def _tone(*, granted: bool) -> dict[str, Any]:
    tenths = round(TONE_S * 10)
    return {
        "command": osdp.Command.Buzzer,
        "reader": 0,
        "control_code": 2,
        "on_count": tenths,
        "off_count": tenths,
        "rep_count": 1 if granted else 3,
    }
