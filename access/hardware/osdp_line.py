"""`SerialLine`, `Channel`: the serial line that libosdp talks over; no exception ever reaches its C code."""

import contextlib
import ctypes
import select
import time

import serial
import structlog

REOPEN_S = 1.0

log = structlog.get_logger(__name__)


class SerialLine:
    """A serial port that is opened again when it went away, such as a USB adapter that was pulled out.

    Belongs to one thread.

    Args:
        port: its path, such as /dev/ttyUSB0.
        baud: bits per second.
    """

    def __init__(self, port: str, baud: int) -> None:
        self._port, self._baud = port, baud
        self._serial: serial.Serial | None = None
        self._failed_at_s: float | None = None

    def read(self, max_bytes: int) -> bytes:
        """What has arrived, at most `max_bytes`; nothing when the port is away."""
        opened = self._opened()
        try:
            return b"" if opened is None else bytes(opened.read(max_bytes))
        except (OSError, serial.SerialException) as error:
            self._lose(error)
            return b""

    def write(self, data: bytes) -> int:
        """Send; what the port does not take is lost, as on a line without a listener."""
        opened = self._opened()
        try:
            if opened is not None:
                opened.write(data)
        except (OSError, serial.SerialException) as error:
            self._lose(error)
        return len(data)

    def flush(self) -> None:
        """Drop what has arrived and was not read."""
        try:
            if self._serial is not None:
                self._serial.reset_input_buffer()
        except (OSError, serial.SerialException) as error:
            self._lose(error)

    def wait(self, seconds: float) -> None:
        """Return as soon as something arrives, or after `seconds`."""
        opened = self._opened()
        if opened is None:
            time.sleep(seconds)
            return
        try:
            select.select([opened.fileno()], [], [], seconds)
        except (OSError, ValueError, serial.SerialException) as error:
            self._lose(error)

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            with contextlib.suppress(OSError, serial.SerialException):
                self._serial.close()
            self._serial = None

    def _opened(self) -> serial.Serial | None:
        if self._serial is not None:
            return self._serial
        now_s = time.monotonic()
        if self._failed_at_s is not None and now_s - self._failed_at_s < REOPEN_S:
            return None
        try:
            # Another program on the same line would break every packet; a full buffer must not stop us.
            self._serial = serial.Serial(self._port, self._baud, timeout=0, write_timeout=0.2, exclusive=True)
        except (OSError, ValueError, serial.SerialException) as error:
            self._lose(error)
        else:
            self._failed_at_s = None
        return self._serial

    def _lose(self, error: Exception) -> None:
        if self._failed_at_s is None:
            log.warning(
                "the serial port cannot be used: is its adapter plugged in, and may this user open it?",
                port=self._port,
                error=str(error),
            )
        self._failed_at_s = time.monotonic()
        self.close()


class Channel:
    """What libosdp reads and writes for one device; it notes when that device was heard last.

    Args:
        line: the serial line; several devices may share it.
        reply_to: the address of the device whose replies count as heard; None: everything counts.
    """

    def __init__(self, line: SerialLine, reply_to: int | None) -> None:
        self.id = 1  # the same for every device of a line, so that libosdp lets one speak at a time
        self.heard_at_s: float | None = None
        self._line = line
        # A reply starts with 0x53 and the address with its highest bit set (IEC 60839-11-5). Some adapters
        # echo what we send: that has the bit clear, and is not the device.
        self._start = b"" if reply_to is None else bytes([0x53, reply_to | 0x80])
        self._tail = b""

    def read(self, max_bytes: int) -> bytes:
        """Called by libosdp."""
        data = self._line.read(max_bytes)
        if data and self._start in self._tail + data:
            self.heard_at_s = time.monotonic()
        self._tail = data[-1:] or self._tail
        return data

    def write(self, data: bytes) -> int:
        """Called by libosdp."""
        # libosdp 3.2.9 refuses a text that is not UTF-8, but leaves Python's error standing while it calls us
        # to send the refusal: whatever is called next would raise it.
        ctypes.pythonapi.PyErr_Clear()
        return self._line.write(data)

    def flush(self) -> None:
        """Called by libosdp."""
        self._line.flush()
