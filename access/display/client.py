"""`FeedClient`: the display's side of `access.display.feed`: what the kiosk says, while it says it."""

import contextlib
import json
import socket
import threading
from pathlib import Path
from types import TracebackType

import structlog

from access.display.state import PICTURE_MODES, DisplayMode, DisplayState, Note
from access.display.wire import KEYS, SILENT_S, STATE, PacketReader, short_address

RETRY_S = 0.5
READ_BYTES = 65536
CLOSE_S = 5.0

log = structlog.get_logger(__name__)


class FeedClient:
    """Follows a kiosk while entered, and connects again whenever the kiosk is away.

    Without a kiosk the state is out of order, there is no picture, and keys are refused: what a person types
    must not reach a kiosk that starts later.

    Args:
        path: of the kiosk's socket.
        door: the door's name, for the time before the kiosk has told it.
        time_zone: IANA name, for the same time; empty for the machine's.
    """

    def __init__(self, path: Path, door: str, time_zone: str = "") -> None:
        self._path = path
        self._away = DisplayState(door, DisplayMode.OUT_OF_ORDER, Note.NO_ANSWER, time_zone=time_zone)
        self._changed = threading.Condition()
        self._number, self._state = 1, self._away
        self._picture = b""
        self._connection: socket.socket | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "FeedClient":
        """Begin to connect, in a thread."""
        self._closing.clear()
        self._thread = threading.Thread(target=self._run, name="display-client", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the connection and the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing.set()
        with self._changed:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
        thread.join(CLOSE_S)

    @property
    def closing(self) -> bool:
        """True from the moment the client is left: whoever waits for states should end."""
        return self._closing.is_set()

    def state(self) -> DisplayState:
        """The newest state; out of order while the kiosk is away."""
        with self._changed:
            return self._state

    def next_state(self, after: int, timeout_s: float) -> tuple[int, DisplayState]:
        """Wait for another state than number `after`, at most `timeout_s`.

        Returns:
            The newest state and its number, which is `after` when the time ran out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number != after or self.closing, timeout_s)
            return self._number, self._state

    def picture(self) -> bytes:
        """The newest picture as JPEG; empty while there is none to show."""
        with self._changed:
            return self._picture

    def press(self, key: str) -> bool:
        """Send a key to the kiosk; False when the kiosk is away, and the key is lost.

        Raises:
            ValueError: it is no key: `0` to `9`, `*` or `#`.
        """
        if key not in KEYS:
            raise ValueError("a key is one of 0 to 9, * and #")
        with self._changed:
            if self._connection is None or self._state == self._away:
                return False
            try:
                self._connection.send(key.encode(), socket.MSG_DONTWAIT)
            except OSError:
                return False
        return True

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    self._follow(connection)
            except OSError:
                pass
            except ValueError as error:
                log.warning("the kiosk speaks another language", detail=str(error), advice="restart both")
            self._set(self._away)
            self._closing.wait(RETRY_S)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(SILENT_S)
            with short_address(self._path) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection

    def _follow(self, connection: socket.socket) -> None:
        """Take what comes until the kiosk is gone or silent. Raises OSError, ValueError."""
        reader = PacketReader()
        with self._changed:
            self._connection = connection
        try:
            while not self._closing.is_set() and (received := connection.recv(READ_BYTES)):
                for kind, content in reader.feed(received):
                    if kind == STATE:
                        self._set(DisplayState.from_record(json.loads(content)))
                    else:
                        self._keep_picture(content)
        finally:
            with self._changed:
                self._connection = None

    def _set(self, state: DisplayState) -> None:
        with self._changed:
            if state.mode not in PICTURE_MODES:
                self._picture = b""
            if state != self._state:
                self._number, self._state = self._number + 1, state
                self._changed.notify_all()

    def _keep_picture(self, content: bytes) -> None:
        with self._changed:
            if self._state.mode in PICTURE_MODES:
                self._picture = content
