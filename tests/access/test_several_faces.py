"""Several faces in a picture: none keeps another out, and each has its turn."""

from dataclasses import replace

import numpy as np
import pytest

from models.domain import Box, Embedding, Face, FaceCrop, ScoreKind, ScoreScale, Template
from models.errors import EmbeddingError
from models.events import DoorEvent
from models.gallery.gallery import Gallery
from tests.access.door import (
    ADA,
    FRAME_S,
    LET_IN,
    LIMITS,
    PEOPLE,
    STRANGER,
    ColourEncoder,
    Door,
    Stand,
    vector_of,
    view_of,
)
from tests.thresholds import gallery_thresholds

POSTER = tuple(Stand(3 + i, left=160 * i, size=150) for i in range(3))
ADA_BEHIND = Stand(1, left=500, size=100)


def outcomes(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def of_ada(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return outcomes([event for event in events if event.person_id == ADA and event.outcome != "denied"])


def without_landmarks() -> Face:
    """A face whose landmarks fall together, so that it cannot be aligned."""
    return Face(Box(10, 10, 60, 60), np.zeros((5, 2), np.float32), 0.8)


def test_a_face_that_cannot_be_aligned_keeps_nobody_out() -> None:
    door = Door()
    door.detector.others = [without_landmarks()]
    assert outcomes(door.watch(Stand(1), frames=5)) == LET_IN


def test_a_face_that_cannot_be_aligned_is_written_with_its_cause_when_it_leaves() -> None:
    door = Door()
    door.detector.others = [without_landmarks()]
    assert door.watch(frames=20) == []
    door.detector.others = []
    (event,) = door.empty()
    assert (event.outcome, event.reason) == ("denied", "poor_quality")
    assert "landmarks" in event.detail


class EncoderWithoutNumber(ColourEncoder):
    """Fails when a crop of `number` is among those it is given."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        if any(crop.image[56, 56, 2] == self.number for crop in crops):
            raise EmbeddingError("the network answered with a vector of length nan")
        return super().embed(crops)


def test_a_face_that_cannot_be_embedded_is_denied_and_keeps_nobody_out() -> None:
    door = Door(encoder=EncoderWithoutNumber(STRANGER))
    events = door.watch(Stand(STRANGER, left=400), Stand(1), frames=5)
    assert sorted(outcomes(events)) == [("denied", "model_fault"), *LET_IN]
    denied = next(event for event in events if event.outcome == "denied")
    assert "length nan" in denied.detail


def test_an_error_of_a_check_is_that_faces_alone() -> None:
    door = Door()
    check = door.loop._checks[0]

    def fail_for_strangers(observation):
        if observation.aligned.image[56, 56, 2] == STRANGER:
            raise EmbeddingError("cannot be checked")
        return check(observation)

    door.loop._checks = [fail_for_strangers]
    events = door.watch(Stand(STRANGER, left=400), Stand(1), frames=5)
    assert sorted(outcomes(events)) == [("denied", "model_fault"), *LET_IN]


@pytest.mark.parametrize("good", [True, False])
def test_a_poster_of_three_larger_faces_keeps_nobody_out(good: bool) -> None:
    door = Door()
    poster = [replace(face, good=good) for face in POSTER]
    events = door.watch(*poster, ADA_BEHIND, frames=round(1.0 / FRAME_S))
    assert of_ada(events) == LET_IN
    assert door.encoder.embedded <= 3 * round(1.0 / FRAME_S)


def test_everybody_of_a_crowd_is_judged() -> None:
    """Eight strangers and one person with the smallest face: all have had their turn after some seconds."""
    door = Door(limits=replace(LIMITS, max_faces=2))
    crowd = [Stand(3 + i, left=75 * i, size=70) for i in range(7)]
    events = door.watch(*crowd, Stand(1, left=550, size=60), frames=30)
    assert of_ada(events) == LET_IN
    assert len([event for event in events if event.outcome == "denied"]) == len(crowd)


def test_a_turn_lasts_until_there_are_enough_pictures() -> None:
    """Larger faces keep coming: whoever has begun is judged to the end, and is not pushed aside."""
    door = Door(limits=replace(LIMITS, max_faces=1))
    door.watch(ADA_BEHIND, frames=1)
    assert of_ada(door.watch(POSTER[0], POSTER[1], ADA_BEHIND, frames=2)) == LET_IN


class NextEncoder(ColourEncoder):
    """The network of the next release."""

    model_id = "net-2"

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        return [Embedding(each.vector.copy(), self.model_id) for each in super().embed(crops)]


def switch_release(door: Door) -> None:
    encoder = NextEncoder()
    templates = [
        Template(f"t{who}", PEOPLE[who], Embedding(vector_of(who).vector.copy(), "net-2")) for who in (1, 2)
    ]
    view = view_of(2, encoder, Gallery.build(templates, "net-2"), release_id="release-2")
    thresholds = gallery_thresholds(0.5, ScoreScale(ScoreKind.CENTRED, "net-2"))
    door.view = replace(view, release=replace(view.release, model_id="net-2"), thresholds=thresholds)


def test_a_poor_picture_after_a_change_of_release_is_no_fault() -> None:
    door = Door()
    door.watch(Stand(1), frames=2)
    switch_release(door)
    assert door.show(Stand(1, good=False)) == []
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN


def test_a_poor_picture_after_a_change_of_release_keeps_nobody_else_out() -> None:
    door = Door()
    door.watch(Stand(1), frames=2)
    switch_release(door)
    events = door.watch(Stand(1, good=False), Stand(2, left=400, size=100), frames=5)
    assert outcomes(events) == LET_IN
