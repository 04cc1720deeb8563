"""`ClipCamera`: a recorded video, played at its own speed."""

import math
from pathlib import Path

import cv2

from access.cameras.due import newest_due
from models.domain import Frame
from models.errors import CameraAbsentError, CameraLostError
from models.ports import Clock


class ClipCamera:
    """Delivers the frames of a video file in order, each at its time.

    Frame number i is due i / fps seconds after opening. A simulated clock is moved to that time: every frame
    is delivered, and the clip takes no longer than decoding does. The system's clock moves by itself: a
    reader that is too slow gets the newest frame that is due, as of a live camera, and the frames before it
    are passed over without decoding their pictures.

    Args:
        path: a video file that FFmpeg can decode.
        clock: waits for each frame, and is the clock of `captured_at_s`.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path.absolute()
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._fps = 0.0
        self._start_s = 0.0
        self._index = 0
        self._grabbed = 0

    def __enter__(self) -> "ClipCamera":
        """Open the file and find its first frame.

        Raises:
            CameraAbsentError: no such file, not a video, or one without a picture.
        """
        if not self._path.is_file():
            raise CameraAbsentError(f"there is no clip {self._path}: check the path")
        capture = cv2.VideoCapture()
        opened = capture.open(str(self._path), cv2.CAP_FFMPEG)
        fps = float(capture.get(cv2.CAP_PROP_FPS)) if opened else 0.0
        if not (math.isfinite(fps) and fps > 0):
            capture.release()
            raise CameraAbsentError(f"{self._path} is not a video that can be played: convert it to MP4")
        if not capture.grab():
            capture.release()
            raise CameraAbsentError(f"{self._path} holds no picture that can be played: convert it to MP4")
        self._capture = capture
        self._fps = fps
        self._start_s = self._clock.monotonic_s()
        self._index, self._grabbed = 0, 1
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def read(self) -> Frame | None:
        """The next frame at its time, or the newest one that is due; None when the clip is over.

        A gap in the frames' `index` counts those that were passed over.

        Raises:
            CameraLostError: the clip is not open.
        """
        if self._capture is None:
            raise CameraLostError("the clip is not open: enter it with `with` before reading")
        elapsed_s = self._clock.monotonic_s() - self._start_s
        index = newest_due(elapsed_s, self._fps, self._index)
        while self._grabbed <= index:
            if not self._capture.grab():
                return None
            self._grabbed += 1
        ok, image = self._capture.retrieve()
        if not ok or image is None:
            return None
        due_s = self._start_s + index / self._fps
        self._clock.sleep(due_s - self._clock.monotonic_s())
        self._index = index + 1
        return Frame(image, due_s, index)
