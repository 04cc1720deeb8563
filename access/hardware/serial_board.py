"""`SerialBoard`: a relay board at a USB or serial port, by the LCUS protocol of boards with a CH340 chip.

An order is four bytes: A0, the relay's number, 1 (on) or 0 (off), and the low byte of their sum. It has no
answer. FF asks for the state: the board sends a line such as `CH1: ON` for each relay.
"""

import re
import time

import serial

from access.hardware.relay import ANSWER_S
from models.domain import DoorInputs
from models.errors import LockError
from models.settings.lock import SerialLockSettings

START = 0xA0
QUERY = b"\xff"
STATE = re.compile(rb"CH\s*(\d+)\s*:\s*(ON|OFF)")


class SerialBoard:
    """One relay of such a board, which has neither inputs nor a timer. A lost port is opened again."""

    pause_s = 1.0  # an answer does not say to which question

    def __init__(self, settings: SerialLockSettings) -> None:
        self._settings = settings
        self._line: serial.Serial | None = None

    def switch_on(self, seconds: float) -> None:
        """Send the order. Raises LockError when the port cannot be written."""
        self._write(self._order(1))

    def switch_off(self) -> None:
        """Send the order. Raises LockError when the port cannot be written."""
        self._write(self._order(0))

    def is_on(self) -> bool:
        """What the board says of the relay. Raises LockError when it does not say it in time."""
        line = self._open()
        try:
            line.reset_input_buffer()
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error
        self._write(QUERY)
        text, ends_s = b"", time.monotonic() + ANSWER_S
        while time.monotonic() < ends_s:
            text += self._read()
            for number, state in STATE.findall(text):
                if int(number) == self._settings.relay:
                    return bool(state == b"ON")
        raise LockError(
            f"the board at {self._settings.port} does not say how relay {self._settings.relay} stands: check "
            "lock.relay and lock.baud; a board that does not answer FF cannot be used"
        )

    def inputs(self) -> DoorInputs:
        """Nothing: such a board has none."""
        return DoorInputs()

    def close(self) -> None:
        """Close the port."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _order(self, on: int) -> bytes:
        relay = self._settings.relay
        return bytes([START, relay, on, (START + relay + on) & 0xFF])

    def _open(self) -> serial.Serial:
        if self._line is None:
            try:
                self._line = serial.Serial(
                    self._settings.port,
                    self._settings.baud,
                    timeout=0.02,
                    write_timeout=ANSWER_S,
                    exclusive=True,
                )
            except (OSError, serial.SerialException, ValueError) as error:
                raise self._lost(error) from error
        return self._line

    def _write(self, data: bytes) -> None:
        line = self._open()
        try:
            line.write(data)
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    def _read(self) -> bytes:
        line = self._open()
        try:
            return bytes(line.read(max(1, line.in_waiting)))
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LockError:
        self.close()
        return LockError(
            f"the port {self._settings.port} cannot be used ({error}): check the cable, lock.port, and that "
            "the kiosk's user is in the group dialout"
        )
