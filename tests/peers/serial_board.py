"""`LcusBoard`: the program of a serial relay board, written from the boards' data sheet."""

import threading
from pathlib import Path

from tests.peers.pty_port import PtyPort

RELAYS = 4


class LcusBoard:
    """Four relays at a pty. `stuck`: relays do not move any more. `late_s`: how late it answers."""

    def __init__(self, path: Path) -> None:
        self.relays = [False] * RELAYS
        self.stuck = False
        self.late_s = 0.0
        self.waits = threading.Event()
        self._received = bytearray()
        self.port = PtyPort(path, self._answer)
        self.port.plug_in()

    def _answer(self, data: bytes) -> bytes:
        self._received += data
        said = b""
        while self._received:
            if self._received[0] == 0xFF:
                del self._received[0]
                said += b"".join(
                    b"CH%d: %s\r\n" % (number, b"ON" if on else b"OFF")
                    for number, on in enumerate(self.relays, 1)
                )
            elif self._received[0] != 0xA0:
                del self._received[0]
            elif len(self._received) < 4:
                break
            else:
                _, number, on, check = self._received[:4]
                del self._received[:4]
                if check == (0xA0 + number + on) % 256 and 1 <= number <= RELAYS and not self.stuck:
                    self.relays[number - 1] = on == 1
        if self.late_s:
            self.waits.wait(self.late_s)
        return said
