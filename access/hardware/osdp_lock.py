"""`OsdpLock`: a lock on an output of an OSDP device, which locks again by itself when the kiosk dies."""

import math
import threading

import osdp

from access.hardware.osdp_control import Device, Order, close_device, open_device
from access.hardware.osdp_keys import read_key
from access.hardware.unlock_time import check_unlock_time
from models.domain import Contact, DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock
from models.settings.lock import OsdpLockSettings

OFF, ON_FOR_A_TIME = 1, 5
"""Control codes of an output (IEC 60839-11-5): off for good; on, and off again when the time is up."""

MAX_CHUNK_S = 25.0
"""libosdp 3.2.9 passes on one byte of tenths of a second: a longer time is sent piece by piece."""

RENEW_S = 5.0
CONFIRM_S = 0.5


class OsdpLock:
    """Releases the door for a time that the *device* measures.

    After every interruption of the line the output is switched off before anything else is believed: until
    the device has confirmed that, the state is UNKNOWN.

    Args:
        settings: which output of which device.
        clock: when the time is up.
        confirm_s: how long the device has to confirm an order, in seconds; a healthy one takes 0.1 s.

    Raises:
        ConfigError: the key is absent or readable by others.
    """

    def __init__(self, settings: OsdpLockSettings, clock: Clock, *, confirm_s: float = CONFIRM_S) -> None:
        self._settings, self._clock, self._confirm_s = settings, clock, confirm_s
        self._guard = threading.Lock()
        self._until_s = self._device_until_s = -math.inf
        self._renewal: tuple[Order, float] | None = None
        self._start: Order | None = None
        self._closed = False
        self._device: Device = open_device(
            settings.port, settings.baud, settings.address, read_key(settings.key_file)
        )
        self._device.attend(self._connected, self._turn)

    def unlock(self, seconds: float) -> None:
        """Unlock for `seconds`; a time under way is never shortened. On return the device has confirmed it.

        Raises:
            LockError: the device does not answer, has no such output, or did not confirm it.
            ValueError: `seconds` is not a finite number above 0.
        """
        check_unlock_time(seconds)
        if self._device.answering and not self._has_output():
            raise LockError(f"the OSDP device has no output {self._settings.output}: correct lock.output")
        if self.state() is LockState.UNKNOWN:
            raise LockError("the OSDP lock does not answer: check its power, its cable and its key")
        with self._guard:
            now_s = self._clock.monotonic_s()
            until_s = max(self._until_s, now_s + seconds)
            order, chunk_s = self._release(now_s, until_s)
        order.wait()
        with self._guard:
            # The device's time began when it took the order, which is at the latest now.
            self._until_s, self._device_until_s = until_s, self._clock.monotonic_s() + chunk_s

    def lock(self) -> None:
        """Lock now. Raises LockError."""
        if self._closed:
            raise LockError("the lock is closed: open it again")
        with self._guard:
            self._until_s = -math.inf
            self._renewal = None
        self._device.order(self._command(OFF, 0), self._confirm_s).wait()
        with self._guard:
            self._device_until_s = -math.inf

    def state(self) -> LockState:
        """What the device has confirmed and reported; UNKNOWN 1 s after it was heard last."""
        with self._guard:
            known = self._start is not None and self._start.confirmed
            if self._closed or not known or not self._device.answering:
                return LockState.UNKNOWN
            unlocked = self._clock.monotonic_s() < self._device_until_s or self._reported_on()
            return LockState.UNLOCKED if unlocked else LockState.LOCKED

    def inputs(self) -> DoorInputs:
        """What the device reported last.

        Raises:
            LockError: it does not answer, or has not reported the inputs that the settings name.
        """
        settings, reported, local = self._settings, self._device.inputs, self._device.local
        if not self._device.answering:
            raise LockError("the OSDP lock does not answer: check its power, its cable and its key")
        contact = Contact.NONE
        if settings.contact_input is not None:
            contact = Contact.CLOSED if self._input(reported, settings.contact_input) else Contact.OPEN
        return DoorInputs(
            contact=contact,
            exit_request=settings.exit_input is not None and self._input(reported, settings.exit_input),
            tamper=local is not None and local[0],
            fire=settings.fire_input is not None and not self._input(reported, settings.fire_input),
        )

    def close(self) -> None:
        """Lock and let go of the device; may be called twice.

        Raises:
            LockError: the device did not confirm it.
        """
        if self._closed:
            return
        try:
            self.lock()
        finally:
            self._closed = True
            self._device.leave()
            close_device(self._settings.port, self._device)

    def _input(self, reported: tuple[bool, ...] | None, number: int) -> bool:
        if reported is None or number >= len(reported):
            raise LockError(
                f"the OSDP device does not report its input {number}: correct the inputs in the table lock"
            )
        return reported[number] != (number in self._settings.inverted_inputs)

    def _reported_on(self) -> bool:
        outputs = self._device.outputs
        return outputs is not None and any(outputs[self._settings.output : self._settings.output + 1])

    def _has_output(self) -> bool:
        return self._device.count(osdp.Capability.OutputControl) > self._settings.output

    def _connected(self) -> None:
        """Switch off: whatever was under way before the interruption is over."""
        with self._guard:
            self._until_s = self._device_until_s = -math.inf
            self._renewal = self._start = None
            if self._has_output():  # a device that has none would be lost over an order to it
                self._start = self._device.order(self._command(OFF, 0), self._confirm_s)

    def _turn(self) -> None:
        """Send the next piece of a long time before the device's runs out."""
        with self._guard:
            if self._renewal is not None and self._renewal[0].finished:
                order, chunk_s = self._renewal
                self._renewal = None
                if order.confirmed:
                    self._device_until_s = self._clock.monotonic_s() + chunk_s
            now_s = self._clock.monotonic_s()
            if now_s >= self._device_until_s and self._reported_on():
                self._device.ask_again()  # not every device reports that its time is over
            due = self._device_until_s < self._until_s and self._device_until_s - now_s < RENEW_S
            if due and self._renewal is None and now_s < self._device_until_s:
                self._renewal = self._release(now_s, self._until_s)

    def _release(self, now_s: float, until_s: float) -> tuple[Order, float]:
        """Order the output on until `until_s`, or for as long as one order can say; and how long that is."""
        tenths = math.ceil(min(until_s - now_s, MAX_CHUNK_S) * 10)
        return self._device.order(self._command(ON_FOR_A_TIME, tenths), self._confirm_s), tenths / 10

    def _command(self, control_code: int, tenths: int) -> dict[str, int]:
        return {
            "command": osdp.Command.Output,
            "output_no": self._settings.output,
            "control_code": control_code,
            "timer_count": tenths,
        }
