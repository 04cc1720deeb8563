"""The newest-frame reader over cameras that fail in ways a network server cannot be made to."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from access.cameras.clip import ClipCamera
from access.cameras.freeze import FreezeDetector
from access.cameras.newest import NewestFrameCamera
from models.clock import SimulatedClock, SystemClock
from models.domain import Frame
from models.errors import CameraAbsentError, CameraFrozenError, CameraLostError
from models.ports import Clock
from tests.access.cameras.mjpeg import numbered_picture


class Scripted:
    """Plays what it is given: frames by number, errors to raise, None for the end, an event to hang on."""

    def __init__(self, steps: Iterator[object], clock: Clock, closed: list[float] | None = None) -> None:
        self.steps, self.clock, self.closed = steps, clock, closed

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.closed is not None:
            self.closed.append(self.clock.monotonic_s())

    def read(self) -> Frame | None:
        step = next(self.steps)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, threading.Event):
            step.wait(5.0)
            return None
        return None if step is None else Frame(numbered_picture(int(str(step))), self.clock.monotonic_s())


def test_the_end_of_the_source_is_the_end_after_the_last_frame() -> None:
    clock = SystemClock()
    with NewestFrameCamera(lambda: Scripted(iter([1, None]), clock), clock) as camera:
        assert camera.read() is not None
        assert camera.read() is None
        assert camera.read() is None


@pytest.mark.slow
def test_reconnects_wait_longer_each_time_and_start_anew_after_a_picture() -> None:
    """The delays run on the given clock, so half a minute passes in no time."""
    clock, tried_s = SimulatedClock(), list[float]()
    failures = [None, *[CameraLostError("gone")] * 7]

    def connect() -> Scripted:
        tried_s.append(clock.monotonic_s())
        attempt = len(tried_s) - 1
        if attempt == 0:
            return Scripted(iter([0, CameraLostError("gone")]), clock)
        if attempt < len(failures):
            return Scripted(iter([failures[attempt]]), clock)
        return Scripted(iter([attempt, CameraLostError("gone")]), clock)

    with NewestFrameCamera(connect, clock, lost_s=1e9):
        ends_s = time.monotonic() + 10
        while len(tried_s) < 10 and time.monotonic() < ends_s:
            clock.sleep(1.0)
            time.sleep(0.025)

    waits_s = np.diff(tried_s)
    expected_s = [1, 2, 4, 8, 16, 30, 30, 30, 1]
    assert np.all(waits_s >= expected_s)
    assert np.all(waits_s <= np.array(expected_s) + 4.0)


def _read_again(camera: NewestFrameCamera) -> Frame | None:
    """As a door does it, for as long as the same old picture comes."""
    ends_s = time.monotonic() + 20
    while True:
        try:
            return camera.read()
        except CameraFrozenError:
            assert time.monotonic() < ends_s


def test_a_connection_that_begins_with_the_old_picture_still_recovers() -> None:
    clock, connections, hang = SystemClock(), list[int](), threading.Event()

    def connect() -> Scripted:
        connections.append(1)
        if len(connections) == 1:
            return Scripted(iter([5, CameraLostError("gone")]), clock)
        return Scripted(iter([5, 6, hang]), clock)

    with NewestFrameCamera(connect, clock, frozen_s=0.5) as camera:
        first, second = camera.read(), _read_again(camera)
        hang.set()
    assert first is not None and second is not None
    assert (first.index, second.index) == (0, 1)
    assert np.array_equal(second.image, numbered_picture(6))


def test_every_camera_that_was_opened_is_closed() -> None:
    clock, closed = SystemClock(), list[float]()
    camera = NewestFrameCamera(lambda: Scripted(iter([1, CameraLostError("gone")]), clock, closed), clock)
    for _ in range(3):
        with camera:
            assert camera.read() is not None
    assert len(closed) == 3


def test_a_driver_that_hangs_is_lost_in_time_and_does_not_hang_the_door() -> None:
    clock, hang = SystemClock(), threading.Event()
    start_s = time.monotonic()
    with NewestFrameCamera(
        lambda: Scripted(iter([1, hang]), clock), clock, lost_s=0.2, close_s=0.2
    ) as camera:
        assert camera.read() is not None
        with pytest.raises(CameraLostError):
            camera.read()
    assert time.monotonic() - start_s < 2.0
    hang.set()


def test_a_driver_that_hangs_while_opening_is_absent_in_time() -> None:
    hang = threading.Event()

    class Stuck(Scripted):
        def __enter__(self) -> "Scripted":
            hang.wait(5.0)
            return self

    clock = SystemClock()
    camera = NewestFrameCamera(lambda: Stuck(iter([None]), clock), clock, open_s=0.2, close_s=0.1)
    with pytest.raises(CameraAbsentError, match="did not open"):
        camera.__enter__()
    hang.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_the_thread_ends_the_reader_instead_of_waiting_for_ever() -> None:
    clock = SystemClock()
    camera = NewestFrameCamera(lambda: Scripted(iter([1, ZeroDivisionError("bug")]), clock), clock)
    with camera, pytest.raises(RuntimeError, match="thread has died"):
        for _ in range(3):
            camera.read()


def test_only_a_picture_that_really_stands_still_is_frozen() -> None:
    rng = np.random.default_rng(0)
    room = np.full((120, 160, 3), 90, np.uint8)
    noisy = [
        np.clip(room + rng.normal(0, 0.7, room.shape).round(), 0, 255).astype(np.uint8) for _ in range(20)
    ]

    alive, stuck, nearly = FreezeDetector(), FreezeDetector(), FreezeDetector()
    for step in range(20):
        t_s = step / 10
        assert alive.unchanged_s(noisy[step], t_s) == 0
        assert stuck.unchanged_s(noisy[0], t_s) == pytest.approx(t_s)
        flicker = noisy[0].copy()
        flicker[0, step] += 1
        assert nearly.unchanged_s(flicker, t_s) == pytest.approx(t_s)


def test_a_quiet_room_is_not_frozen_by_compression(tmp_path: Path) -> None:
    """The encoder repeats most blocks of an empty room; key frames and some noise tell that it lives."""
    rng = np.random.default_rng(0)
    room = np.full((240, 320, 3), 110.0) + rng.normal(0, 4, (240, 1, 3))
    writer = cv2.VideoWriter(str(tmp_path / "room.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(75):
        writer.write(np.clip((room + rng.normal(0, 0.5, room.shape)).round(), 0, 255).astype(np.uint8))
    writer.release()
    detector = FreezeDetector()
    with ClipCamera(tmp_path / "room.mp4", SimulatedClock()) as camera:
        unchanged = [
            detector.unchanged_s(frame.image, frame.captured_at_s)
            for frame in iter(camera.read, None)
            if frame
        ]
    assert len(unchanged) == 75
    assert max(unchanged) < 1.0


def test_slow_change_and_a_change_of_size_are_changes() -> None:
    detector = FreezeDetector()
    room = np.full((120, 160, 3), 90, np.uint8)
    for step in range(40):
        dusk = room.copy()
        dusk[:, : step * 4] -= 1
        assert detector.unchanged_s(dusk, step / 10) < 1.0
    assert detector.unchanged_s(room[:60], 9.0) == 0
