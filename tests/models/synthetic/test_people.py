"""People and scenes: deterministic, found where they say they are, and alike to themselves."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli.output import Console
from models.cli.synthetic import app
from models.domain import Embedding
from models.encoders.openvino import OpenVinoEncoder
from models.errors import CameraError, InputError
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import WeightFiles
from models.synthetic.geometry import Pose
from models.synthetic.painting import Placement, face_box, face_landmarks, paint
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, Stop, draw_background, write_clip
from models.vision.alignment import align
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture
from models.vision.quality import ENROLMENT, assess, head_pose


def _scene(**settings: object) -> Scene:
    visits = (
        Appearance(SyntheticPerson(1), 0.0, 4.0),
        Appearance(SyntheticPerson(2), 2.0, 4.0),
        Appearance(SyntheticPerson(3), 7.0, 4.0, flat=True),
    )
    return Scene(visits, **settings)  # type: ignore[arg-type]


def test_the_same_seed_is_the_same_person() -> None:
    assert np.array_equal(SyntheticPerson(5).portrait(), SyntheticPerson(5).portrait())
    assert not np.array_equal(SyntheticPerson(5).portrait(), SyntheticPerson(5).portrait(seed=1))
    assert not np.array_equal(SyntheticPerson(5).portrait(), SyntheticPerson(6).portrait())
    assert SyntheticPerson(5).portrait(180).shape == (180, 180, 3)


@pytest.mark.slow
def test_portraits_are_found_and_good_enough_to_enrol_with(detector: YuNetDetector) -> None:
    for seed in range(25):
        portrait = SyntheticPerson(seed).portrait()
        faces = detector.detect(portrait)
        assert len(faces) == 1
        quality = assess(portrait, faces[0], align(portrait, faces[0].landmarks), ENROLMENT)
        assert quality.ok, (seed, quality)


@pytest.mark.slow
def test_people_are_alike_to_themselves_and_unlike_each_other(
    detector: YuNetDetector, weights: WeightFiles
) -> None:
    """The full figures are in docs/explanation/synthetic-faces.md; this is a small sample of them."""
    encoder = OpenVinoEncoder(weights.sface, SFACE_MODEL_ID)

    def embed(seed: int, photo: int) -> Embedding:
        image = SyntheticPerson(seed).portrait(seed=photo)
        return encoder.embed([align(image, detector.detect(image)[0].landmarks)])[0]

    people = range(20)
    first = np.stack([embed(seed, 0).vector for seed in people])
    second = np.stack([embed(seed, 1).vector for seed in people])
    scores = first @ second.T
    mated, others = np.diag(scores), scores[~np.eye(len(people), dtype=bool)]
    assert mated.mean() > 0.8
    assert np.percentile(mated, 5) > 0.65
    assert np.percentile(others, 99) < 0.5
    assert (scores.argmax(axis=1) == np.arange(len(people))).all()


@pytest.mark.parametrize("flat", [False, True])
def test_box_and_landmarks_lie_on_the_painted_face(detector: YuNetDetector, flat: bool) -> None:
    person = SyntheticPerson(4)
    figure = person.print_out(0) if flat else person.visit(0)
    for pose in (Pose(), Pose(18), Pose(-18, 4), Pose(0, 8, 12)):
        picture = draw_background((640, 480), 3)
        place = Placement(330, 210, 2.0, pose)
        paint(picture, figure, place)
        face = detector.detect(picture)[0]
        assert face.box.iou(face_box(figure, place)) > 0.6
        assert np.abs(face.landmarks - face_landmarks(figure, place)).max() < 16


def test_a_head_turns_and_a_photograph_does_not(detector: YuNetDetector) -> None:
    """What the detector sees of a turn: the yaw of a head, and hardly any of a flat photograph."""
    seen = {}
    for flat in (False, True):
        figure = SyntheticPerson(4).print_out(0) if flat else SyntheticPerson(4).visit(0)
        angles = []
        for yaw in (-20.0, 20.0):
            picture = draw_background((640, 480), 3)
            paint(picture, figure, Placement(320, 220, 2.0, Pose(yaw)))
            angles.append(head_pose(detector.detect(picture)[0].landmarks)[0])
        seen[flat] = angles[1] - angles[0]
    assert seen[False] > 22
    assert abs(seen[True]) < 12


def test_painting_beyond_the_picture_leaves_it_whole() -> None:
    picture = draw_background((320, 240), 0)
    before = picture.copy()
    paint(picture, SyntheticPerson(0).visit(0), Placement(-900, 100, 1.5, Pose(20)))
    assert np.array_equal(picture, before)
    paint(picture, SyntheticPerson(0).visit(0), Placement(2, 100, 1.5, Pose(20)))
    assert not np.array_equal(picture, before)


def test_a_scene_is_the_same_every_time_and_in_any_order() -> None:
    first, again = _scene(), _scene()
    again.frame_at(5.0)
    assert np.array_equal(first.frame_at(2.4)[0], again.frame_at(2.4)[0])
    assert not np.array_equal(first.frame_at(2.4)[0], first.frame_at(2.44)[0])
    assert not np.array_equal(first.frame_at(6.5)[0], _scene(background_seed=1).frame_at(6.5)[0])


def test_a_scene_reports_the_people_in_each_frame(detector: YuNetDetector) -> None:
    scene = _scene()
    assert scene.duration_s == 11.0
    assert [truth.person_seed for truth in scene.frame_at(1.5)[1]] == [1]
    assert [truth.person_seed for truth in scene.frame_at(2.5)[1]] == [1, 2]
    assert scene.frame_at(6.5)[1] == []
    assert detector.detect(scene.frame_at(6.5)[0]) == []
    assert [truth.flat for truth in scene.frame_at(9.0)[1]] == [True]
    image, (truth,) = scene.frame_at(1.5)
    assert detector.detect(image)[0].box.iou(truth.box) > 0.6


def test_frames_have_noise_only_when_it_is_set() -> None:
    silent = Scene((), noise=0.0)
    assert np.array_equal(silent.frame_at(0.0)[0], silent.frame_at(1.0)[0])
    noisy = Scene((), noise=4.0)
    difference = noisy.frame_at(0.0)[0].astype(float) - silent.frame_at(0.0)[0]
    assert 3.0 < difference.std() < 5.0
    assert abs(difference.mean()) < 0.5
    assert silent.duration_s == 0.0


def test_a_given_path_is_followed() -> None:
    path = (Stop(0.0, 0.2, 0.5, 0.3), Stop(1.0, 0.8, 0.5, 0.3))
    visit = Appearance(SyntheticPerson(0), 10.0, 2.0, path=path)
    places = [visit.place_at(t, (1000, 500)) for t in (9.9, 10.0, 11.0, 11.99, 12.0)]
    assert places[0] is None
    assert places[4] is None
    xs = [place.x for place in places[1:4] if place is not None]
    np.testing.assert_allclose(xs, [200, 500, 800], atol=6)


def test_a_clip_can_be_read_again(tmp_path: Path) -> None:
    scene = Scene((Appearance(SyntheticPerson(1), 0.0, 2.0),), size=(320, 240))
    truths = write_clip(scene, tmp_path / "clip.mp4", fps=5)
    assert len(truths) == 10
    clip = cv2.VideoCapture(str(tmp_path / "clip.mp4"))
    assert clip.get(cv2.CAP_PROP_FRAME_COUNT) == 10
    found, frame = clip.read()
    assert found
    assert np.abs(frame.astype(float) - scene.frame_at(0.0)[0]).mean() < 6


def test_a_clip_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot write a clip"):
        write_clip(_scene(), tmp_path / "absent" / "clip.mp4")


def test_commands_draw_photos_and_a_clip(tmp_path: Path, detector: YuNetDetector) -> None:
    console = Console(home=tmp_path, config=None, json=True)
    run = CliRunner()
    folder = tmp_path / "people"
    arguments = ["synthetic", "people", "--out", str(folder), "--people", "2", "--photos", "2"]
    result = run.invoke(app, arguments, obj=console, catch_exceptions=False)
    assert json.loads(result.stdout)["photos"] == 4
    photos = sorted(folder.glob("*/*.png"))
    assert [photo.parent.name for photo in photos] == ["synthetic-0000"] * 2 + ["synthetic-0001"] * 2
    assert len(detector.detect(read_picture(photos[0]))) == 1

    clip = tmp_path / "new" / "clip.mp4"
    result = run.invoke(
        app, ["synthetic", "clip", "--out", str(clip), "--people", "1", "--fps", "3"], obj=console
    )
    assert json.loads(result.stdout)["frames"] == 18
    lines = [json.loads(line) for line in clip.with_suffix(".jsonl").read_text().splitlines()]
    assert len(lines) == 18
    assert lines[9]["faces"][0]["person"] == 0
    assert len(lines[9]["faces"][0]["box"]) == 4


def test_commands_say_where_they_cannot_write(tmp_path: Path) -> None:
    console = Console(home=tmp_path, config=None, json=True)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for arguments in (["people", "--out", str(blocked)], ["clip", "--out", str(blocked / "clip.mp4")]):
        with pytest.raises(InputError, match="cannot write"):
            CliRunner().invoke(app, ["synthetic", *arguments], obj=console, catch_exceptions=False)
