"""Clips, folders and scenes: every picture, in order, at its time."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from access.cameras.clip import ClipCamera
from access.cameras.folder import FolderCamera
from access.cameras.synthetic import SyntheticCamera, passers_by
from models.clock import SimulatedClock, SystemClock
from models.domain import Frame
from models.errors import CameraAbsentError, CameraLostError
from models.ports import Camera
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene
from tests.access.cameras.conftest import CLIP_FPS, CLIP_FRAMES
from tests.access.cameras.mjpeg import number_of, numbered_picture


def frames_of(camera: Camera, limit: int = 1000) -> list[Frame]:
    with camera:
        read = iter(camera.read, None)
        return [frame for frame in itertools.islice(read, limit) if frame is not None]


SCENE = Scene((Appearance(SyntheticPerson(3), start_s=0.2, duration_s=0.8),), size=(160, 120))


def test_a_clip_delivers_every_frame_in_order_at_the_clips_own_time(clip: Path) -> None:
    clock = SimulatedClock()
    frames = frames_of(ClipCamera(clip, clock))
    assert [number_of(frame.image) for frame in frames] == list(range(CLIP_FRAMES))
    assert [frame.captured_at_s for frame in frames] == [index / CLIP_FPS for index in range(CLIP_FRAMES)]
    assert clock.monotonic_s() == (CLIP_FRAMES - 1) / CLIP_FPS


def test_a_clip_opened_later_counts_from_then(clip: Path) -> None:
    clock = SimulatedClock()
    clock.sleep(100.0)
    first, second, *_ = frames_of(ClipCamera(clip, clock))
    assert (first.captured_at_s, second.captured_at_s) == (100.0, 100.1)


def test_a_clip_on_the_system_clock_takes_its_time(clip: Path) -> None:
    clock = SystemClock()
    start_s = clock.monotonic_s()
    frames = frames_of(ClipCamera(clip, clock))
    took_s = clock.monotonic_s() - start_s
    assert took_s >= (CLIP_FRAMES - 1) / CLIP_FPS
    assert all(frame.captured_at_s <= clock.monotonic_s() for frame in frames)


@pytest.mark.parametrize("content", [None, b"", b"no video at all" * 100])
def test_a_file_that_is_no_clip_is_an_absent_camera(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraAbsentError, match=r"clip\.mp4"):
        ClipCamera(path, SimulatedClock()).__enter__()


def test_a_folder_delivers_its_pictures_in_the_order_of_their_names(pictures: Path) -> None:
    frames = frames_of(FolderCamera(pictures, SimulatedClock(), fps=4.0))
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2]
    assert [frame.captured_at_s for frame in frames] == [0.0, 0.25, 0.5]
    assert np.array_equal(frames[1].image, numbered_picture(1))


def test_a_picture_that_cannot_be_read_is_named_and_passed_over(pictures: Path) -> None:
    (pictures / "1.png").write_bytes(b"scrambled")
    with FolderCamera(pictures, SimulatedClock()) as camera:
        assert camera.read() is not None
        with pytest.raises(CameraLostError, match=r"1\.png"):
            camera.read()
        frame = camera.read()
        assert frame is not None
        assert number_of(frame.image) == 2
        assert camera.read() is None


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")]
)
def test_a_folder_without_pictures_is_absent(tmp_path: Path, make) -> None:
    make(tmp_path / "pictures")
    with pytest.raises(CameraAbsentError, match="pictures"):
        FolderCamera(tmp_path / "pictures", SimulatedClock()).__enter__()


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_a_frame_rate_of_zero_or_less_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="per second"):
        FolderCamera(tmp_path, SimulatedClock(), fps)
    with pytest.raises(ValueError, match="per second"):
        SyntheticCamera(SCENE, SimulatedClock(), fps)


def test_a_scene_on_a_simulated_clock_is_the_same_every_time() -> None:
    def trace() -> list[tuple[float, int, bytes]]:
        frames = frames_of(SyntheticCamera(SCENE, SimulatedClock(), fps=10.0))
        return [(frame.captured_at_s, frame.index, frame.image.tobytes()) for frame in frames]

    once = trace()
    assert once == [(index / 10, index, SCENE.frame_at(index / 10)[0].tobytes()) for index in range(10)]
    assert trace() == once


def test_a_slow_reader_of_a_scene_gets_the_newest_picture() -> None:
    clock = SimulatedClock()
    with SyntheticCamera(SCENE, clock, fps=10.0) as camera:
        camera.read()
        clock.sleep(0.734)
        frame = camera.read()
    assert frame is not None
    assert (frame.captured_at_s, frame.index) == (0.7, 1)
    assert np.array_equal(frame.image, SCENE.frame_at(0.7)[0])


def test_a_repeated_scene_has_no_end() -> None:
    frames = frames_of(SyntheticCamera(SCENE, SimulatedClock(), fps=10.0, repeat=True), limit=25)
    assert len(frames) == 25
    assert np.array_equal(frames[3].image, frames[13].image)
    assert frames[24].captured_at_s == 2.4
    with pytest.raises(ValueError, match="visit"):
        SyntheticCamera(Scene(()), SimulatedClock(), repeat=True)


def test_a_scene_without_anybody_is_over_at_once() -> None:
    assert frames_of(SyntheticCamera(Scene(()), SimulatedClock())) == []


@pytest.mark.slow
def test_passers_by_come_one_after_the_other_and_depend_on_the_seed() -> None:
    first, second = passers_by(0), passers_by(1)
    assert {visit.person.seed for visit in first.visits}.isdisjoint(
        visit.person.seed for visit in second.visits
    )
    for t_s in np.arange(0, first.duration_s, 0.25):
        assert len(first.frame_at(float(t_s))[1]) <= 1
    assert passers_by(1) == second


def test_a_file_without_a_picture_is_an_absent_clip_and_no_empty_recording(tmp_path: Path) -> None:
    path = tmp_path / "clip.jpg"
    path.write_bytes(b"hello")
    with pytest.raises(CameraAbsentError, match="holds no picture"):
        ClipCamera(path, SimulatedClock()).__enter__()


def test_a_slow_reader_of_a_clip_gets_the_newest_frame_that_is_due(clip: Path) -> None:
    clock = SimulatedClock()
    clock.sleep(100.0)
    with ClipCamera(clip, clock) as camera:
        frames = []
        for late_s in (0.0, 0.05, 0.45, 0.3):  # after the frame before it
            clock.sleep(late_s)
            frame = camera.read()
            assert frame is not None
            frames.append((frame.index, number_of(frame.image), round(frame.captured_at_s - 100.0, 6)))
    # 0.00 s; 0.05 s waits for 0.1; 0.1 + 0.45 s: frame 5 is on show; 0.55 + 0.3 s: frame 8.
    assert frames == [(0, 0, 0.0), (1, 1, 0.1), (5, 5, 0.5), (8, 8, 0.8)]


def test_a_frame_whose_time_has_just_come_is_the_newest_one(clip: Path) -> None:
    clock = SimulatedClock()
    clock.sleep(100.0)
    with ClipCamera(clip, clock) as camera:
        camera.read()
        clock.set_elapsed(100.3)  # (100.3 - 100) * 10 is a little less than 3 in floating point
        frame = camera.read()
    assert frame is not None
    assert (frame.index, number_of(frame.image)) == (3, 3)


def test_a_clip_that_ended_while_its_reader_was_busy_is_over(clip: Path) -> None:
    clock = SimulatedClock()
    with ClipCamera(clip, clock) as camera:
        camera.read()
        clock.sleep(CLIP_FRAMES / CLIP_FPS - 0.01)
        last = camera.read()
        assert last is not None
        assert number_of(last.image) == CLIP_FRAMES - 1
        clock.sleep(1.0)
        assert [camera.read(), camera.read()] == [None, None]


def test_a_slow_reader_of_a_folder_gets_the_newest_picture_that_is_due(pictures: Path) -> None:
    clock = SimulatedClock()
    with FolderCamera(pictures, clock, fps=4.0) as camera:
        first = camera.read()
        clock.sleep(0.6)
        second = camera.read()
        assert first is not None and second is not None
        assert (number_of(first.image), number_of(second.image), second.captured_at_s) == (0, 2, 0.5)
        assert camera.read() is None


@pytest.mark.parametrize("camera", [ClipCamera, FolderCamera])
def test_an_absent_recording_is_named_with_its_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, camera: type[ClipCamera | FolderCamera]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CameraAbsentError, match=f"{tmp_path}/none"):
        camera(Path("none"), SimulatedClock()).__enter__()
