"""`GpioBoard`: a relay at a pin of the computer itself, by gpiozero."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpiozero import DigitalInputDevice, GPIOZeroError, OutputDevice

from access.hardware.relay import door_inputs
from models.domain import DoorInputs
from models.errors import LockError
from models.settings.lock import GpioLockSettings


class GpioBoard:
    """A relay and up to four inputs at pins. A pin that nobody drives is an input: that has to mean locked.

    Args:
        settings: the pins.
        factory: the pins' maker; None for the machine's own.

    Raises:
        LockError: the machine has no such pins, or another program has them.
    """

    pause_s = 0.0

    def __init__(self, settings: GpioLockSettings, factory: Any = None) -> None:
        with _pin_errors():
            self._factory = _own_pins() if factory is None else factory
            self._relay = OutputDevice(
                settings.pin, active_high=settings.active_high, initial_value=False, pin_factory=self._factory
            )
            self._contact = self._input(settings.contact_pin)
            self._exit = self._input(settings.exit_pin)
            self._tamper = self._input(settings.tamper_pin)
            self._fire = self._input(settings.fire_pin)

    def switch_on(self, seconds: float) -> None:
        """Drive the relay's pin; a pin has no timer. Raises LockError."""
        with _pin_errors():
            self._relay.on()

    def switch_off(self) -> None:
        """Drive the relay's pin the other way. Raises LockError."""
        with _pin_errors():
            self._relay.off()

    def is_on(self) -> bool:
        """The level that is read back from the relay's pin. Raises LockError."""
        with _pin_errors():
            return bool(self._relay.value)

    def inputs(self) -> DoorInputs:
        """The levels of the inputs; a low one is a closed circuit. Raises LockError."""
        with _pin_errors():
            return door_inputs(
                contact=_closed(self._contact),
                exit_request=_closed(self._exit),
                tamper=_closed(self._tamper),
                fire=_closed(self._fire),
            )

    def close(self) -> None:
        """Make every pin an input."""
        for device in (self._relay, self._contact, self._exit, self._tamper, self._fire):
            if device is not None:
                device.close()

    def _input(self, pin: int | None) -> DigitalInputDevice | None:
        if pin is None:
            return None
        return DigitalInputDevice(pin, pull_up=True, pin_factory=self._factory)


def _own_pins() -> Any:
    """The machine's pins by lgpio alone: gpiozero would try others, the last of which works by chance."""
    # lgpio makes a pipe in the working folder, which a service may not write.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    from gpiozero.pins.lgpio import LGPIOFactory

    return LGPIOFactory()


def _closed(device: DigitalInputDevice | None) -> bool | None:
    return None if device is None else bool(device.value)


@contextmanager
def _pin_errors() -> Iterator[None]:
    # The library below gpiozero has an error of its own, and is not the same on every machine.
    below = getattr(sys.modules.get("lgpio"), "error", GPIOZeroError)
    try:
        yield
    except (GPIOZeroError, OSError, below) as error:
        raise LockError(
            f"the pins cannot be used ({error or type(error).__name__}): check lock.pin, that no other "
            "program has it, and that the kiosk's user is in the group gpio"
        ) from error
