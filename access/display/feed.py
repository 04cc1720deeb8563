"""`DisplayFeed`: the kiosk's side of the display: sends states and pictures, takes the keys of the PIN pad.

A thread of its own serves a Unix socket that only the kiosk's user may open. Each display is sent the newest
state and picture when it is ready for them: one that is slow misses some, one that takes nothing for
`STUCK_S` is cut off, and the door's loop never waits for any.
"""

import contextlib
import json
import os
import selectors
import socket
import stat
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import cv2
import structlog

from access.display.state import PICTURE_MODES, DisplayMode, DisplayState, Note
from access.display.wire import HEARTBEAT_S, KEY_BYTES, PICTURE, SILENT_S, STATE, packet, short_address
from models.domain import Frame, ImageArray, KeyPressed
from models.errors import AlreadyRunningError, ConfigError
from models.ports import Clock

PICTURE_EVERY_S = 0.1
PICTURE_SIDE = 640
JPEG_QUALITY = 80
STUCK_S = 5.0
MAX_DISPLAYS = 4
MAX_KEYS = 64
READ_BYTES = 64
CLOSE_S = 2.0

log = structlog.get_logger(__name__)


def encode_picture(image: ImageArray) -> bytes:
    """The picture as the display shows it: mirrored, its longer side at most 640 pixels, as JPEG.

    Args:
        image: uint8 (H, W, 3), BGR; stays as it is.
    """
    height, width = image.shape[:2]
    scale = PICTURE_SIDE / max(height, width)
    if scale < 1:
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Of 1080 lines in 2 ms, where INTER_AREA takes 11: this is a mirror, nothing is recognised in it.
        image = cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)
    _, encoded = cv2.imencode(".jpg", cv2.flip(image, 1), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


@dataclass(slots=True, eq=False)
class _Display:
    """One connected display.

    Attributes:
        connection: its socket, which does not block.
        rest: what is left of the packet on its way.
        state, picture: the number of the newest one that was begun to be sent.
        moved_s: when it last took bytes, or had taken all.
    """

    connection: socket.socket
    moved_s: float
    rest: memoryview = field(default_factory=lambda: memoryview(b""))
    state: int = 0
    picture: int = 0


class DisplayFeed:
    """Serves the displays of one door while entered.

    Args:
        path: of the socket; its folder must be there.
        clock: for pauses, and for the time of the keys.
        door: the door's name.
    """

    def __init__(self, path: Path, clock: Clock, door: str) -> None:
        self._path, self._clock, self._door = path, clock, door
        self._guard = threading.Lock()
        self._keys: deque[KeyPressed] = deque(maxlen=MAX_KEYS)
        self._newest = DisplayState(door, DisplayMode.OUT_OF_ORDER, Note.NO_ANSWER)
        self._frame: Frame | None = None
        self._shown_s = clock.monotonic_s()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    def __enter__(self) -> "DisplayFeed":
        """Begin to listen.

        Raises:
            AlreadyRunningError: another kiosk listens there.
            ConfigError: the socket cannot be made there.
        """
        listener = _listen(self._path)
        wake, woken = socket.socketpair()
        for each in (wake, woken):
            each.setblocking(False)
        self._stopping, self._wake = False, wake
        server = _Server(self, listener, woken, self._clock)
        self._thread = threading.Thread(target=server.run, name="display-feed", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every display off and take the socket away; displays then say that the door is out of order."""
        thread, wake, self._thread, self._wake = self._thread, self._wake, None, None
        if thread is None or wake is None:
            return
        self._stopping = True
        _poke(wake)
        thread.join(CLOSE_S)
        wake.close()
        self._path.unlink(missing_ok=True)

    def show(self, state: DisplayState, frame: Frame | None = None) -> None:
        """Make this the newest state, and the frame the newest picture; returns at once.

        Call it for every frame and every fault: without a word for `SILENT_S` displays say that the door is
        out of order. The frame's image must not be changed afterwards.
        """
        with self._guard:
            self._newest, self._shown_s = state, self._clock.monotonic_s()
            self._frame = frame if state.mode in PICTURE_MODES else None
        if self._wake is not None:
            _poke(self._wake)

    def keys(self) -> list[KeyPressed]:
        """The keys pressed since the last call, oldest first; never waits."""
        with self._guard:
            pressed = list(self._keys)
            self._keys.clear()
        return pressed

    @property
    def stopping(self) -> bool:
        """True from the moment the feed is left."""
        return self._stopping

    def newest(self) -> tuple[DisplayState, Frame | None]:
        """The state and picture to send now: out of order when the door's loop has not said anything."""
        with self._guard:
            if self._clock.monotonic_s() - self._shown_s <= SILENT_S:
                return self._newest, self._frame
        return replace(
            DisplayState(self._door, DisplayMode.OUT_OF_ORDER, Note.NO_ANSWER),
            time_zone=self._newest.time_zone,
        ), None

    def press(self, keys: bytes) -> None:
        """Queue keys; when the door does not take them, the oldest are forgotten."""
        at_s = self._clock.monotonic_s()
        with self._guard:
            self._keys.extend(KeyPressed(chr(key), at_s) for key in keys)


class _Server:
    """The thread that talks to the displays. Nothing else touches their sockets."""

    def __init__(
        self, feed: DisplayFeed, listener: socket.socket, woken: socket.socket, clock: Clock
    ) -> None:
        self._feed, self._listener, self._woken, self._clock = feed, listener, woken, clock
        self._selector = selectors.DefaultSelector()
        self._displays: dict[socket.socket, _Display] = {}
        self._state = (0, b"")
        self._stated_s = 0.0
        self._picture = (0, b"")
        self._pictured_s = 0.0
        self._frame: Frame | None = None

    def run(self) -> None:
        """Serve until the feed is left."""
        with self._selector, self._listener, self._woken:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._selector.register(self._woken, selectors.EVENT_READ)
            try:
                while not self._feed.stopping:
                    self._turn()
            finally:
                for display in list(self._displays.values()):
                    display.connection.close()

    def _turn(self) -> None:
        # Without a display only a new one, or the end, is of interest.
        for key, ready in self._selector.select(PICTURE_EVERY_S if self._displays else None):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._woken:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            elif ready & selectors.EVENT_READ:
                self._receive(self._displays[key.fileobj])  # type: ignore[index]
        if self._displays:
            self._renew()
        for display in list(self._displays.values()):
            self._send(display)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            if len(self._displays) >= MAX_DISPLAYS:
                connection.close()
                log.warning("too many displays", most=MAX_DISPLAYS, advice="close one of them")
                return
            connection.setblocking(False)
            self._displays[connection] = _Display(connection, self._clock.monotonic_s())
            self._selector.register(connection, selectors.EVENT_READ)

    def _receive(self, display: _Display) -> None:
        try:
            received = display.connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received or not KEY_BYTES.issuperset(received):
            self._drop(display)
            return
        self._feed.press(received)

    def _renew(self) -> None:
        """Put the newest state and picture into bytes, when there is anything new."""
        now = self._clock.monotonic_s()
        state, frame = self._feed.newest()
        content = packet(STATE, json.dumps(state.to_record(), allow_nan=False).encode())
        number, sent = self._state
        if content != sent or now - self._stated_s >= HEARTBEAT_S:
            self._state, self._stated_s = (number + 1, content), now
        if frame is not None and frame is not self._frame and now - self._pictured_s >= PICTURE_EVERY_S:
            self._frame, self._pictured_s = frame, now
            self._picture = (self._picture[0] + 1, packet(PICTURE, encode_picture(frame.image)))
        elif frame is None and self._picture[1]:  # nothing that was seen before may be sent later
            self._frame, self._picture = None, (self._picture[0] + 1, b"")

    def _send(self, display: _Display) -> None:
        now = self._clock.monotonic_s()
        try:
            while display.rest or self._begin_next(display):
                sent = display.connection.send(display.rest)
                display.rest, display.moved_s = display.rest[sent:], now
            display.moved_s = now
        except BlockingIOError:
            if now - display.moved_s > STUCK_S:
                log.warning("a display takes nothing any more and is cut off", after_s=STUCK_S)
                self._drop(display)
                return
        except OSError:
            self._drop(display)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if display.rest else 0)
        self._selector.modify(display.connection, events)

    def _begin_next(self, display: _Display) -> bool:
        """Begin with what this display has not been sent yet; False when it has all."""
        number, content = self._state
        if display.state != number:
            display.state, display.rest = number, memoryview(content)
            return True
        number, content = self._picture
        if display.picture != number:
            display.picture, display.rest = number, memoryview(content)
        return bool(display.rest)

    def _drop(self, display: _Display) -> None:
        self._selector.unregister(display.connection)
        del self._displays[display.connection]
        display.connection.close()


def _poke(wake: socket.socket) -> None:
    with contextlib.suppress(OSError):  # full: it will wake anyway; broken: it has ended
        wake.send(b"\0")


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        with short_address(path) as address:
            _remove_left_over(path, address)
            os.fchmod(listener.fileno(), 0o600)  # before it has a name: never open to others
            listener.bind(address)
            listener.listen(MAX_DISPLAYS)
            listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the socket {path} of the display cannot be made ({error.strerror}): check the folder, or set "
            "display.socket to another place"
        ) from error
    except (AlreadyRunningError, ConfigError):
        listener.close()
        raise
    return listener


def _remove_left_over(path: Path, address: str) -> None:
    """Remove the socket of a kiosk that was killed.

    Raises:
        AlreadyRunningError: somebody listens there.
        ConfigError: there is something else.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"{path} is no socket: set display.socket to another place")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise AlreadyRunningError(
        f"another kiosk serves displays at {path}: stop it, or set display.socket to another place"
    )
