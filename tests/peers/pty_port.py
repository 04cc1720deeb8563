"""`PtyPort`: a serial port without a cable, whose path stays the same when it is plugged in again."""

import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path


class PtyPort:
    """A port at `path` whose other end is a function: bytes in, bytes out (b"" for none)."""

    def __init__(self, path: Path, answer: Callable[[bytes], bytes]) -> None:
        self.path = path
        self._answer = answer
        self._ends = threading.Event()
        self._end = -1
        self._thread: threading.Thread | None = None

    def plug_in(self) -> None:
        end, port = os.openpty()
        tty.setraw(port)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(port))
        self._end, self._ends = end, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(end, port, self._ends), name="pty-port")
        self._thread.start()

    def unplug(self) -> None:
        if self._thread is not None:
            self._ends.set()
            self._thread.join(10.0)
            self._thread = None
            self.path.unlink(missing_ok=True)

    def send(self, data: bytes) -> None:
        """Send without being asked."""
        os.write(self._end, data)

    def _run(self, end: int, port: int, ends: threading.Event) -> None:
        # The port's own end stays open meanwhile: a pty that nobody has open reports an error.
        try:
            while not ends.is_set():
                readable, _, _ = select.select([end], [], [], 0.02)
                if readable:
                    answer = self._answer(os.read(end, 256))
                    if answer and not ends.is_set():
                        os.write(end, answer)
        finally:
            os.close(port)
            os.close(end)
