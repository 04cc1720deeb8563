"""`SerialReader`: a card reader at a USB or serial port that sends each card's number as a line of text."""

import re
import termios

import serial
import structlog

from models.domain import CardShown, Shown
from models.errors import ReaderError
from models.ports import Clock
from models.settings.reader import SerialReaderSettings

NUMBER = re.compile(r"[0-9A-F]{1,64}")
MAX_LINE = 128
"""More bytes without an end of line are no card."""

FRAME = b"\x02\x03 \t"
"""Start and end of text, which some readers put around the number."""

log = structlog.get_logger(__name__)


class SerialReader:
    """Reads decimal or hexadecimal card numbers, one a line. A port that was lost is opened again.

    A line that is no number is ignored, and nothing of it is logged: it may be a card that was read badly.

    Args:
        settings: the port.
        clock: stamps the cards.
    """

    def __init__(self, settings: SerialReaderSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._port: serial.Serial | None = None
        self._received = b""

    def __enter__(self) -> "SerialReader":
        """Open the port. Raises ReaderError."""
        self._open()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the port; may be called twice."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def read(self) -> list[Shown]:
        """Cards since the last call, oldest first; never waits.

        Raises:
            ReaderError: the port cannot be read; the next call opens it again.
        """
        try:
            port = self._open()
            self._received += port.read(port.in_waiting)
        except (OSError, termios.error) as error:
            raise self._lost(error) from error
        *lines, self._received = re.split(rb"[\r\n\x03]+", self._received)
        if len(self._received) > MAX_LINE:
            log.warning("a card reader sends no ends of lines: check reader.baud")
            self._received = b""
        return [card for line in lines for card in self._cards(line)]

    def answer(self, *, granted: bool) -> None:
        """Nothing: such a reader has no lamp that the door could switch."""

    def _cards(self, line: bytes) -> list[Shown]:
        text = line.strip(FRAME).decode("ascii", "replace").upper()
        if NUMBER.fullmatch(text):
            return [CardShown(text, self._clock.monotonic_s())]
        if text:
            log.warning("a card reader sent a line that is no card number")
        return []

    def _open(self) -> serial.Serial:
        if self._port is None:
            self._received = b""
            try:
                self._port = serial.Serial(
                    self._settings.port, self._settings.baud, timeout=0, exclusive=True
                )
            except (OSError, termios.error, ValueError) as error:
                raise self._lost(error) from error
        return self._port

    def _lost(self, error: Exception) -> ReaderError:
        self.__exit__()
        return ReaderError(
            f"the card reader at {self._settings.port} cannot be read ({error}): check its cable, "
            "reader.port, and that the kiosk's user is in the group dialout"
        )
