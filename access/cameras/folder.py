"""`FolderCamera`: the pictures of a folder, shown one after the other."""

from pathlib import Path

from access.cameras.due import newest_due
from models.domain import Frame
from models.errors import CameraAbsentError, CameraLostError, ImageError
from models.ports import Clock
from models.vision.pictures import PICTURE_SUFFIXES, read_picture


class FolderCamera:
    """Delivers the pictures of a folder in the order of the file names, `fps` a second.

    A simulated clock is moved to the time of each picture, and every picture is delivered. With the system's
    clock a reader that is too slow gets the newest picture that is due.

    Args:
        folder: where the pictures lie; other files and folders in it are left out.
        clock: waits for each picture, and is the clock of `captured_at_s`; a simulated one is moved.
        fps: pictures per second, more than 0.
    """

    def __init__(self, folder: Path, clock: Clock, fps: float = 5.0) -> None:
        if not fps > 0:
            raise ValueError(f"pictures per second are more than 0, not {fps}")
        self._folder = folder.absolute()
        self._clock = clock
        self._fps = fps
        self._paths: list[Path] | None = None
        self._start_s = 0.0
        self._index = 0

    def __enter__(self) -> "FolderCamera":
        """List the pictures.

        Raises:
            CameraAbsentError: no such folder, or no picture in it.
        """
        if not self._folder.is_dir():
            raise CameraAbsentError(f"there is no folder {self._folder}: check the path")
        paths = sorted(path for path in self._folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        if not paths:
            raise CameraAbsentError(
                f"{self._folder} holds no picture: put {', '.join(sorted(PICTURE_SUFFIXES))} there"
            )
        self._paths = paths
        self._start_s = self._clock.monotonic_s()
        self._index = 0
        return self

    def __exit__(self, *exc: object) -> None:
        """Forget the list."""
        self._paths = None

    def read(self) -> Frame | None:
        """The next picture at its time, or the newest one that is due; None after the last.

        Raises:
            CameraLostError: the folder is not open, or the picture cannot be read; the next call goes on.
        """
        if self._paths is None:
            raise CameraLostError("the folder is not open: enter it with `with` before reading")
        index = newest_due(self._clock.monotonic_s() - self._start_s, self._fps, self._index)
        if index >= len(self._paths):
            return None
        path = self._paths[index]
        self._index = index + 1
        try:
            image = read_picture(path)
        except ImageError as error:
            raise CameraLostError(f"{path} cannot be shown: take it out of the folder ({error})") from error
        due_s = self._start_s + index / self._fps
        self._clock.sleep(due_s - self._clock.monotonic_s())
        return Frame(image, due_s, index)
