import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.retraining.gate import (
    MIN_FALSE_MATCHES,
    Comparison,
    FaceSet,
    GateLimits,
    Verdict,
    compare,
    judge,
)

LIMITS = GateLimits(draws=200)


def faces(noise: float, seed: int, people: int = 60, photos: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (people * photos, 32) around a point per person, and whose they are."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, 32)), photos, axis=0)
    vectors = centres + noise * np.random.default_rng(seed + 1).normal(size=centres.shape)
    return (
        (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
        np.repeat(np.arange(people), photos),
    )


def face_set(champion_noise: float, challenger_noise: float, seed: int = 0) -> FaceSet:
    champion, people = faces(champion_noise, seed)
    return FaceSet(champion, faces(challenger_noise, seed)[0], people)


def naive_fnmr(vectors: np.ndarray, people: np.ndarray, fmr: float) -> float:
    """By a double loop: the lowest threshold among the scores at which at most `fmr` of non-mated pass."""
    mated, non_mated = [], []
    for i in range(len(people)):
        for j in range(i):
            score = float(vectors[i].astype(np.float64) @ vectors[j].astype(np.float64))
            (mated if people[i] == people[j] else non_mated).append(score)
    allowed = int(fmr * len(non_mated) + 1e-9)
    threshold = sorted(non_mated, reverse=True)[allowed]
    return sum(score <= threshold for score in mated) / len(mated)


@pytest.mark.parametrize("noise", [0.5, 1.0, 1.5])
def test_errors_agree_with_a_double_loop(noise: float) -> None:
    both = face_set(noise, noise * 1.2)
    found = compare("site", both, GateLimits(target_fmr=0.01, draws=5), margin=0, seed=0)
    assert found.champion_fnmr == pytest.approx(naive_fnmr(both.champion, both.people, 0.01))
    assert found.challenger_fnmr == pytest.approx(naive_fnmr(both.challenger, both.people, 0.01))
    assert (found.people, found.mated, found.non_mated) == (60, 360, 28_320 - 0)


def test_camera_views_are_only_compared_with_other_photos() -> None:
    """Against a double loop over 20 people with 2 photos and 2 views of each photo."""
    photos, owners = faces(0.8, 0, people=20, photos=2)
    seen = [photos + noise for noise in np.random.default_rng(5).normal(0, 0.15, (2, *photos.shape))]
    vectors = np.concatenate([photos, *seen]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people, photo = np.tile(owners, 3), np.tile(np.arange(40), 3)
    mated, non_mated = [], []
    for i in range(120):
        for j in range(i):
            if photo[i] != photo[j] and (i < 40 or j < 40):
                score = float(vectors[i].astype(np.float64) @ vectors[j].astype(np.float64))
                (mated if people[i] == people[j] else non_mated).append(score)
    both = FaceSet(vectors, vectors, people, photo)
    found = compare("site", both, GateLimits(target_fmr=0.01, draws=50), margin=0, seed=0)
    threshold = sorted(non_mated, reverse=True)[int(0.01 * len(non_mated))]
    assert (found.mated, found.non_mated) == (len(mated), len(non_mated))
    assert found.champion_fnmr == pytest.approx(np.mean(np.array(mated) <= threshold))
    assert 0 < found.champion_fnmr < 1
    assert found.worse_by_at_most == 0


def test_a_network_is_no_worse_than_itself() -> None:
    same = face_set(1.2, 1.2)
    verdict = judge(same, same, LIMITS)
    assert verdict.passed
    assert [comparison.worse_by_at_most for comparison in verdict.comparisons] == [0, 0]


def test_a_better_challenger_passes() -> None:
    better = face_set(1.5, 0.8)
    verdict = judge(better, better, LIMITS)
    assert verdict.passed
    assert "which is better by at least" in verdict.comparisons[0].explain()


def test_a_worse_challenger_is_refused_and_the_refusal_says_where() -> None:
    verdict = judge(face_set(1.5, 0.8), face_set(0.8, 1.5), LIMITS)
    assert not verdict.passed
    (failure,) = verdict.failures
    assert failure.startswith("general failed: FNMR at FMR")


def test_a_collapsed_network_is_refused() -> None:
    good, people = faces(0.8, 0)
    collapsed = np.tile(good[:1], (len(people), 1))
    both = FaceSet(good, collapsed, people)
    assert len(judge(both, both, LIMITS).failures) == 2


def test_nan_embeddings_do_not_pass_the_gate() -> None:
    good, people = faces(0.8, 0)
    broken = np.full_like(good, np.nan)
    found = compare("site", FaceSet(good, broken, people), LIMITS, margin=0, seed=0)
    assert not found.passed


def test_a_small_difference_needs_many_people() -> None:
    """The same true difference: refused for want of evidence on few people, shown on many."""
    few, many = (
        compare(
            "site",
            FaceSet(faces(1.25, 3, count)[0], faces(1.2, 3, count)[0], faces(1.2, 3, count)[1]),
            LIMITS,
            margin=0,
            seed=0,
        )
        for count in (8, 250)
    )
    assert many.passed
    assert few.worse_by_at_most > many.worse_by_at_most


def test_the_operating_point_has_at_least_ten_false_matches() -> None:
    vectors, people = faces(1.0, 0, people=6, photos=3)
    found = compare("site", FaceSet(vectors, vectors, people), GateLimits(draws=5), margin=0, seed=0)
    assert found.fmr == pytest.approx(MIN_FALSE_MATCHES / found.non_mated)


@pytest.mark.parametrize("people", [[0, 0, 0], [0, 1, 2]])
def test_a_set_without_mated_or_non_mated_pairs_is_refused(people: list[int]) -> None:
    vectors = faces(1.0, 0)[0][:3]
    with pytest.raises(ValueError, match="two people"):
        compare("site", FaceSet(vectors, vectors, np.array(people)), LIMITS, margin=0, seed=0)


def test_a_verdict_without_comparisons_does_not_pass() -> None:
    assert not Verdict(()).passed
    assert not Comparison("site", 9, 9, 9, 0.1, 0.1, 0.1, float("nan"), 1.0).passed


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_crops_does_not_matter(seed: int) -> None:
    both = face_set(1.2, 1.3)
    order = np.random.default_rng(seed).permutation(len(both.people))
    shuffled = FaceSet(both.champion[order], both.challenger[order], both.people[order])
    first, second = (compare("site", each, GateLimits(draws=20), 0, seed=1) for each in (both, shuffled))
    assert first.champion_fnmr == pytest.approx(second.champion_fnmr)
    assert first.worse_by_at_most == pytest.approx(second.worse_by_at_most)
