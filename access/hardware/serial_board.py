"""`SerialBoard`: a relay board at a USB or serial port, by the LCUS protocol of boards with a CH340 chip.

An order is four bytes: A0, the relay's number, 1 (on) or 0 (off), and the low byte of their sum. It has no
answer. FF asks for the state: the board sends a line such as `CH1: ON` for each relay.
"""

import re
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from access.hardware.relay import ANSWER_S
from models.domain import DoorInputs
from models.errors import LockError
from models.settings.lock import SerialLockSettings

START = 0xA0
QUERY = b"\xff"
READ_S = 0.02
PORT_ERRORS = (OSError, termios.error)
"""A port that was unplugged reports either."""

STATE = re.compile(rb"CH\s*(\d+)\s*:\s*(ON|OFF)")


class SerialBoard:
    """One relay of such a board, which has neither inputs nor a timer. A lost port is opened again."""

    pause_s = 1.0  # an answer does not say to which question

    def __init__(self, settings: SerialLockSettings, *, answer_s: float = ANSWER_S) -> None:
        self._settings, self._answer_s = settings, answer_s
        self._line: serial.Serial | None = None

    def switch_on(self, seconds: float) -> None:
        """Send the order. Raises LockError when the port cannot be written."""
        self._order(1)

    def switch_off(self) -> None:
        """Send the order. Raises LockError when the port cannot be written."""
        self._order(0)

    def is_on(self) -> bool:
        """What the board says of the relay. Raises LockError when it does not say it in time."""
        with self._open() as line:
            line.reset_input_buffer()
            line.write(QUERY)
            text, ends_s = b"", time.monotonic() + self._answer_s
            while time.monotonic() < ends_s:
                text += line.read(max(1, line.in_waiting))
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

    def _order(self, on: int) -> None:
        relay = self._settings.relay
        with self._open() as line:
            line.write(bytes([START, relay, on, (START + relay + on) & 0xFF]))

    @contextmanager
    def _open(self) -> Iterator[serial.Serial]:
        """The open port. Closes it and raises LockError when it cannot be used."""
        try:
            if self._line is None:
                self._line = serial.Serial(
                    self._settings.port,
                    self._settings.baud,
                    timeout=READ_S,
                    write_timeout=self._answer_s,
                    exclusive=True,
                )
            yield self._line
        except PORT_ERRORS as error:
            self.close()
            raise LockError(
                f"the port {self._settings.port} cannot be used ({error}): check the cable, lock.port, and "
                "that the kiosk's user is in the group dialout"
            ) from error
