"""`NewestFrameCamera`: reads a live camera in a thread, keeps the newest frame, and reconnects."""

import threading
from collections.abc import Callable
from dataclasses import replace

import structlog

from access.cameras.freeze import FreezeDetector
from models.domain import Frame
from models.errors import CameraAbsentError, CameraError, CameraFrozenError, CameraLostError
from models.ports import Camera, Clock

FIRST_DELAY_S = 1.0
MAX_DELAY_S = 30.0
PATIENCE_S = 0.5
POLL_S = 0.02

log = structlog.get_logger(__name__)


def reconnect_delay_s(attempt: int) -> float:
    """Seconds to wait before the reconnect number `attempt`, from 0: 1, 2, 4, 8, 16, 30, 30 ..."""
    return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempt, 10))


class NewestFrameCamera:
    """Reads a live camera in a thread and keeps the newest frame, so that a slow reader sees the present.

    The thread reconnects with growing delay when the camera fails or its picture stands still, for as long as
    the camera is open. Time limits run on `clock`, which must therefore be one that moves by itself.

    Args:
        connect: makes a fresh camera for each attempt; it is opened, read and closed in the thread alone.
        clock: for the limits and the delays.
        lost_s: without a frame for this long, `read` raises CameraLostError.
        frozen_s: with the same picture for this long, `read` raises CameraFrozenError.
        open_s: how long the first attempt may take.
        close_s: how long leaving waits for a read under way.
    """

    def __init__(
        self,
        connect: Callable[[], Camera],
        clock: Clock,
        *,
        lost_s: float = 5.0,
        frozen_s: float = 5.0,
        open_s: float = 10.0,
        close_s: float = 5.0,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._lost_s = lost_s
        self._frozen_s = frozen_s
        self._open_s = open_s
        self._close_s = close_s
        self._reader: _Reader | None = None

    def __enter__(self) -> "NewestFrameCamera":
        """Open the camera once, in the thread.

        Raises:
            CameraAbsentError: it could not be opened, or not within `open_s`.
        """
        reader = _Reader(self._connect, self._clock, self._frozen_s)
        self._reader = reader
        reader.thread.start()
        opened = reader.tried.wait(self._open_s)
        if not opened or reader.absent is not None:
            self.__exit__()
            raise reader.absent or CameraAbsentError(
                f"the camera did not open within {self._open_s:g} s: unplug it and plug it in again"
            )
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the thread and close the camera."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        reader.closing.set()
        reader.thread.join(self._close_s)
        if reader.thread.is_alive():
            log.warning("the camera's driver hangs", waited_s=self._close_s, advice="restart the machine")

    def read(self) -> Frame | None:
        """The newest frame not yet read; waits for one. None when the camera's source has ended.

        A gap in the frames' `index` counts those that were dropped. While the camera is in trouble each call
        waits half a second for it to come back before it raises again, so that a caller may simply try again.

        Raises:
            CameraLostError: no frame for `lost_s`, or the camera is not open.
            CameraFrozenError: the same picture for `frozen_s`.
        """
        reader = self._reader
        if reader is None:
            raise CameraLostError("the camera is not open: enter it with `with` before reading")
        patience_ends_s = self._clock.monotonic_s() + PATIENCE_S
        with reader.changed:
            while reader.newest is None:
                if reader.ended:
                    return None
                if not reader.thread.is_alive():
                    raise RuntimeError("the camera's reader thread has died: its traceback is in the log")
                if self._clock.monotonic_s() >= patience_ends_s:
                    self._raise_trouble(reader)
                reader.changed.wait(POLL_S)
            frame, reader.newest = reader.newest, None
        return frame

    def _raise_trouble(self, reader: "_Reader") -> None:
        if reader.frozen:
            raise CameraFrozenError(
                f"the same picture for more than {self._frozen_s:g} s: restart the camera, look for tampering"
            )
        if self._clock.monotonic_s() - reader.arrived_s >= self._lost_s:
            raise CameraLostError(f"no picture for {self._lost_s:g} s: check the camera's power and network")


class _Reader:
    """The thread and what it shares with the reader's caller, guarded by `changed`."""

    def __init__(self, connect: Callable[[], Camera], clock: Clock, frozen_s: float) -> None:
        self.thread = threading.Thread(target=self._run, name="camera-reader", daemon=True)
        self.tried = threading.Event()
        self.closing = threading.Event()
        self.absent: CameraError | None = None
        self.changed = threading.Condition()
        self.newest: Frame | None = None
        self.arrived_s = clock.monotonic_s()
        self.frozen = False
        self.ended = False
        self._connect = connect
        self._clock = clock
        self._frozen_s = frozen_s
        self._freeze = FreezeDetector()
        self._count = 0
        self._attempt = 0
        self._connected_s = self.arrived_s

    def _run(self) -> None:
        try:
            while not (self.closing.is_set() or self.ended or self.absent):
                self._watch_one_connection()
        finally:
            self.tried.set()

    def _watch_one_connection(self) -> None:
        try:
            with self._connect() as camera:
                self._connected_s = self._clock.monotonic_s()
                self.tried.set()
                self._deliver(camera)
        except CameraError as error:
            self._note(error)

    def _deliver(self, camera: Camera) -> None:
        while not self.closing.is_set():
            frame = camera.read()
            with self.changed:
                if frame is None:
                    self.ended = True
                    self.changed.notify_all()
                    return
                self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        self.arrived_s = frame.captured_at_s
        self.frozen = self._freeze.unchanged_s(frame.image, frame.captured_at_s) >= self._frozen_s
        if self.frozen:
            self.newest = None
            # A fresh connection may begin with the old picture: it has as long to show another.
            if frame.captured_at_s - self._connected_s >= self._frozen_s:
                raise CameraFrozenError("the picture stands still")
            return
        self._attempt = 0
        self.newest = replace(frame, index=self._count)
        self._count += 1
        self.changed.notify_all()

    def _note(self, error: CameraError) -> None:
        """Remember a first attempt that failed; after it, wait before the next."""
        if not self.tried.is_set():
            self.absent = error
            self.tried.set()
            return
        delay_s = reconnect_delay_s(self._attempt)
        self._attempt += 1
        log.warning("the camera is in trouble", error=str(error), reconnect_in_s=delay_s)
        due_s = self._clock.monotonic_s() + delay_s
        while self._clock.monotonic_s() < due_s and not self.closing.wait(POLL_S):
            pass
