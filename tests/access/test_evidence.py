"""Evidence over the pictures of one track, against a plain loop over single scores."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.evidence import TrackEvidence, weigh
from access.limits import EvidenceLimits
from models.domain import (
    Embedding,
    LockState,
    PersonId,
    Quality,
    QualityReason,
    Template,
)
from models.errors import EmbeddingError
from models.gallery.gallery import Gallery

MODEL = "net-1"
LIMITS = EvidenceLimits(window_s=1.0, same_face_score=0.4)
D = 16


def near(direction: int, noise: float, seed: int, model_id: str = MODEL) -> Embedding:
    vector = np.eye(D)[direction] + noise * np.random.default_rng(seed).normal(size=D) / np.sqrt(D)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model_id)


@given(st.integers(0, 1000), st.lists(st.floats(0.05, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_the_fused_score_is_the_weighted_mean_of_the_single_scores(
    seed: int, weights: list[float], noise: float
) -> None:
    evidence = TrackEvidence()
    pictures = [near(0, noise, seed + i) for i in range(len(weights))]
    for i, (picture, weight) in enumerate(zip(pictures, weights, strict=True)):
        evidence.accept(picture, weight, 0.1 * i, replace(LIMITS, same_face_score=-1.0))
    people = [PersonId(f"{number:032x}") for number in range(3)]
    templates = [Template(person, person, near(1, 2.0, seed + 100 + i)) for i, person in enumerate(people)]
    gallery = Gallery.build(templates, MODEL)
    naive = {
        person: sum(w * gallery.scores_of(person, p) for w, p in zip(weights, pictures, strict=True))
        / sum(weights)
        for person in people
    }
    found = evidence.search(gallery)
    assert found is not None and found.best is not None and found.runner_up is not None
    for candidate in (found.best, found.runner_up):
        assert candidate.score == pytest.approx(naive[candidate.person_id], abs=1e-6)
    assert found.best.score >= found.runner_up.score
    assert found.best.person_id != found.runner_up.person_id


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_the_margin_is_to_the_person_with_the_next_fused_score_of_all(seed: int) -> None:
    """Five people, pictures that differ much: the two nearest to their mean are often not the right two."""
    evidence = TrackEvidence()
    pictures = [near(0, 1.5, seed + i) for i in range(3)]
    for i, picture in enumerate(pictures):
        evidence.accept(picture, 1.0, 0.1 * i, replace(LIMITS, same_face_score=-1.0))
    people = [PersonId(f"{number:032x}") for number in range(5)]
    gallery = Gallery.build(
        [Template(person, person, near(0, 1.5, seed + 100 + i)) for i, person in enumerate(people)], MODEL
    )
    fused = {one: sum(gallery.scores_of(one, picture) for picture in pictures) / 3 for one in people}
    best, next_best = sorted(fused.values(), reverse=True)[:2]
    found = evidence.search(gallery)
    assert found is not None
    assert found.margin == pytest.approx(best - next_best, abs=1e-5)


def test_pictures_embedded_by_another_network_are_dropped_before_searching() -> None:
    evidence = TrackEvidence()
    for i in range(3):
        evidence.accept(near(0, 0.1, i, "net-2"), 1.0, 0.1 * i, LIMITS)
    gallery = Gallery.build([Template("t", PersonId("a" * 32), near(0, 0.1, 9))], MODEL)
    assert evidence.search(gallery) is None
    assert evidence.frames == 0


@pytest.mark.parametrize("enrolled", [0, 1])
def test_a_small_gallery_leaves_places_empty(enrolled: int) -> None:
    evidence = TrackEvidence()
    evidence.accept(near(0, 0.1, 1), 1.0, 0.0, LIMITS)
    person = PersonId("a" * 32)
    found = evidence.search(Gallery.build([Template("t", person, near(0, 0.1, 2))][:enrolled], MODEL))
    assert found is not None
    assert (found.best is None, found.runner_up) == (enrolled == 0, None)


def test_pictures_whose_mean_has_no_length_are_an_error() -> None:
    evidence = TrackEvidence()
    for sign in (1, -1):
        vector = (sign * np.eye(D)[0]).astype(np.float32)
        evidence.accept(Embedding(vector, MODEL), 1.0, 0.0, replace(LIMITS, same_face_score=-1.0))
    with pytest.raises(EmbeddingError, match="contradict"):
        evidence.fuse()


def test_without_an_accepted_picture_nothing_is_searched() -> None:
    assert TrackEvidence().fuse() is None
    assert TrackEvidence().search(Gallery.build([], MODEL)) is None


def test_pictures_leave_the_window() -> None:
    evidence = TrackEvidence()
    for at_s in (0.0, 0.5, 1.0, 1.8):
        evidence.accept(near(0, 0.1, int(10 * at_s)), 1.0, at_s, LIMITS)
    assert evidence.frames == 2
    evidence.refuse((QualityReason.BLURRED,), 3.0, LIMITS)
    assert evidence.frames == 0


def test_a_swap_of_people_restarts_the_evidence() -> None:
    evidence = TrackEvidence()
    for i in range(3):
        assert not evidence.accept(near(0, 0.1, i), 1.0, 0.1 * i, LIMITS)
    evidence.refuse((QualityReason.BLURRED,), 0.3, LIMITS)
    assert evidence.accept(near(1, 0.1, 9), 1.0, 0.4, LIMITS)
    assert evidence.frames == 1
    concluded = evidence.conclude(None, 1, LockState.LOCKED)
    assert (concluded.frames, concluded.refused, concluded.newest_at_s) == (1, 0, 0.4)
    probe = evidence.fuse()
    assert probe is not None
    assert float(probe.vector[1]) > 0.9


def test_another_network_restarts_the_evidence() -> None:
    evidence = TrackEvidence()
    evidence.accept(near(0, 0.1, 1), 1.0, 0.0, LIMITS)
    assert evidence.accept(near(0, 0.1, 2, "net-2"), 1.0, 0.1, LIMITS)
    assert evidence.frames == 1


def test_advice_is_what_was_wrong_most_often() -> None:
    evidence = TrackEvidence()
    dark, blurred, small = QualityReason.TOO_DARK, QualityReason.BLURRED, QualityReason.TOO_SMALL
    for i, reasons in enumerate([(blurred,), (dark, blurred), (dark, blurred), (small,)]):
        evidence.refuse(reasons, 0.1 * i, LIMITS)
    concluded = evidence.conclude(None, 1, LockState.LOCKED)
    assert concluded.advice == (blurred, dark)
    assert concluded.refused == 4


def quality(face_px: float, yaw_deg: float = 0.0) -> Quality:
    return Quality(face_px, 100, yaw_deg, 0, 0, 120, 40)


def test_large_faces_that_look_ahead_count_most() -> None:
    assert weigh(quality(112)) == weigh(quality(400)) == 1.0
    assert weigh(quality(56)) == 0.5
    assert weigh(quality(112, 60)) == pytest.approx(0.5)
    assert weigh(quality(112)) > weigh(quality(112, 30)) > weigh(quality(112, 90)) > 0
    assert weigh(quality(0)) > 0
