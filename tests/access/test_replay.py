"""Recordings of real people through the whole loop, by the clip's own clock."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from access.replay import replay_clip
from models.domain import DenyReason, ImageArray
from models.errors import CameraAbsentError, InputError
from models.events import DoorEvent
from models.site import Site
from models.vision.pictures import read_picture
from tests.access.conftest import Enrol


def frame_of(clip: Path, index: int) -> ImageArray:
    capture = cv2.VideoCapture(str(clip))
    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
    ok, image = capture.read()
    capture.release()
    assert ok
    return np.asarray(image, np.uint8)


def enrol_strangers(site: Site, enrol: Enrol, shared: Path, count: int) -> None:
    folders = sorted((shared / "data" / "lfw_dev" / "images").iterdir())
    for folder in folders:
        try:
            enrol(site, folder.name, [read_picture(sorted(folder.iterdir())[0])])
        except InputError:  # several faces in a press photo
            continue
        if len(site.register.people()) == count:
            return


def reasons(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


@pytest.mark.slow
def test_an_enrolled_person_gets_in_within_the_first_second(site: Site, enrol: Enrol, shared: Path) -> None:
    clip = shared / "data" / "clips" / "one_person_live.mp4"
    enrol_strangers(site, enrol, shared, 10)
    person = enrol(site, "the person of the clip", [frame_of(clip, 60)])
    event = next(replay_clip(site, clip))
    assert (event.outcome, event.person_id) == ("granted", person.person_id)
    assert event.clip_s is not None and event.clip_s < 1.0
    assert site.register.events() == [], "a clip is nothing that happened at the door"


def test_with_nobody_enrolled_it_says_so(site: Site, shared: Path) -> None:
    event = next(replay_clip(site, shared / "data" / "clips" / "one_person_live.mp4"))
    assert (event.outcome, event.reason) == ("denied", "nobody_enrolled")


@pytest.mark.slow
def test_strangers_never_get_in(site: Site, enrol: Enrol, shared: Path) -> None:
    enrol_strangers(site, enrol, shared, 50)
    alone = list(replay_clip(site, shared / "data" / "clips" / "one_person_live.mp4"))
    assert reasons(alone) == [("denied", "not_recognised")]
    stage = list(replay_clip(site, shared / "data" / "clips" / "several_people_stage.mp4"))
    assert {event.outcome for event in stage} == {"denied"}
    assert {event.reason for event in stage} <= {
        DenyReason.NOT_RECOGNISED,
        DenyReason.AMBIGUOUS,
        DenyReason.POOR_QUALITY,
        DenyReason.NOT_ENOUGH_EVIDENCE,
    }
    assert len({event.track for event in stage}) > 1


def test_a_clip_that_is_not_there_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    with pytest.raises(CameraAbsentError, match="no clip"):
        list(replay_clip(site, tmp_path / "none.mp4"))
