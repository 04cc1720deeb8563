import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.retraining.gate import (
    MIN_FALSE_MATCHES,
    Comparison,
    FaceSet,
    GateLimits,
    JudgedSet,
    Verdict,
    compare,
    judge,
)
from models.errors import ReleaseError

LIMITS = GateLimits(draws_beyond=10)
"""200 draws at a confidence of 95%."""


def check(faces: FaceSet, limits: GateLimits = LIMITS, margin: float = 0.0, seed: int = 0) -> Comparison:
    return compare(JudgedSet("site", faces, margin), limits, limits.confidence, seed)


def judge_both(faces: FaceSet) -> Verdict:
    """The same faces as the site's and, with the usual margin, as people in general."""
    return judge([JudgedSet("site", faces, 0.0), JudgedSet("general", faces, 0.005)], LIMITS)


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
    found = check(both, GateLimits(target_fmr=0.01, draws_beyond=1))
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
    found = check(both, GateLimits(target_fmr=0.01, draws_beyond=3))
    threshold = sorted(non_mated, reverse=True)[int(0.01 * len(non_mated))]
    assert (found.mated, found.non_mated) == (len(mated), len(non_mated))
    assert found.champion_fnmr == pytest.approx(np.mean(np.array(mated) <= threshold))
    assert 0 < found.champion_fnmr < 1
    assert found.worse_by_at_most == 0


def test_a_network_is_no_worse_than_itself() -> None:
    same = face_set(1.2, 1.2)
    verdict = judge_both(same)
    assert verdict.passed
    assert [comparison.worse_by_at_most for comparison in verdict.comparisons] == [0, 0]


def test_a_better_challenger_passes() -> None:
    better = face_set(1.5, 0.8)
    verdict = judge_both(better)
    assert verdict.passed
    assert "which is better by at least" in verdict.comparisons[0].explain()


def test_a_worse_challenger_is_refused_and_the_refusal_says_where() -> None:
    verdict = judge(
        [JudgedSet("site", face_set(1.5, 0.8), 0.0), JudgedSet("general", face_set(0.8, 1.5), 0.005)], LIMITS
    )
    assert not verdict.passed
    (failure,) = verdict.failures
    assert failure.startswith("general failed: FNMR at FMR")


def test_a_collapsed_network_is_refused() -> None:
    good, people = faces(0.8, 0)
    collapsed = np.tile(good[:1], (len(people), 1))
    both = FaceSet(good, collapsed, people)
    assert len(judge_both(both).failures) == 2


def test_nan_embeddings_do_not_pass_the_gate() -> None:
    good, people = faces(0.8, 0)
    broken = np.full_like(good, np.nan)
    found = check(FaceSet(good, broken, people))
    assert not found.passed


def test_a_small_difference_needs_many_people() -> None:
    """The same true difference: refused for want of evidence on few people, shown on many."""
    few, many = (
        check(FaceSet(faces(1.25, 3, count)[0], faces(1.2, 3, count)[0], faces(1.2, 3, count)[1]))
        for count in (8, 250)
    )
    assert many.passed
    assert few.worse_by_at_most > many.worse_by_at_most


def test_the_operating_point_has_at_least_ten_false_matches() -> None:
    vectors, people = faces(1.0, 0, people=6, photos=3)
    found = check(FaceSet(vectors, vectors, people))
    assert found.fmr == pytest.approx(MIN_FALSE_MATCHES / found.non_mated)


@pytest.mark.parametrize("people", [[0, 0, 0], [0, 1, 2]])
def test_a_set_without_mated_or_non_mated_pairs_is_refused(people: list[int]) -> None:
    vectors = faces(1.0, 0)[0][:3]
    with pytest.raises(ValueError, match="two people"):
        check(FaceSet(vectors, vectors, np.array(people)))


def test_a_verdict_without_comparisons_does_not_pass() -> None:
    assert not Verdict(()).passed
    assert not Comparison("site", 9, 9, 9, 9, 0.1, 0.1, 0.1, 0.95, float("nan"), 1.0).passed


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_crops_does_not_matter(seed: int) -> None:
    both = face_set(1.2, 1.3)
    order = np.random.default_rng(seed).permutation(len(both.people))
    shuffled = FaceSet(both.champion[order], both.challenger[order], both.people[order])
    first, second = (check(each, GateLimits(draws_beyond=1), seed=1) for each in (both, shuffled))
    assert first.champion_fnmr == pytest.approx(second.champion_fnmr)
    assert first.worse_by_at_most == pytest.approx(second.worse_by_at_most)


# --- what the gate does not judge ------------------------------------------------------------------------


def realistic(people: int, photos: int, *spreads: float, seed: int, paired: bool = True) -> FaceSet:
    """Embeddings whose noise differs from photo to photo, as pictures do, and a camera view of each.

    Args:
        spreads: the noise of champion and challenger.
        paired: both find the same photos difficult; otherwise each network has its own difficulties.
    """
    owners = np.repeat(np.arange(people), photos)
    faces = np.random.default_rng(seed).normal(size=(people, 128))
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    networks = []
    for number, spread in enumerate(spreads):
        rng = np.random.default_rng([seed, 0 if paired else number])
        noise = np.exp(rng.normal(np.log(spread), 0.35, size=2 * len(owners)))[:, None]
        vectors = np.tile(faces[owners], (2, 1)) + noise * rng.normal(size=(2 * len(owners), 128)) / 128**0.5
        networks.append((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    return FaceSet(networks[0], networks[1], np.tile(owners, 2), np.tile(np.arange(len(owners)), 2))


PAIRS = [(1.05, 1.25), (0.85, 0.965)]
"""Noise of champion and challenger, at many errors and at few."""


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("champion", "challenger"), PAIRS, ids=["many errors", "few errors"])
@pytest.mark.parametrize("people", [2, 8, 14, 16, 20, 40])
def test_a_network_that_errs_two_and_a_half_times_as_often_hardly_ever_passes(
    people: int, champion: float, challenger: float, paired: bool
) -> None:
    """At every size: it is found to be worse, or the gate says that it cannot judge."""
    sets = [realistic(people, 2, champion, challenger, seed=seed, paired=paired) for seed in range(40)]
    passed = [judge([JudgedSet("site", each, 0.0)], GateLimits(draws_beyond=5)).passed for each in sets]
    assert np.mean(passed) <= 0.05


def test_the_networks_of_that_test_differ_as_it_says() -> None:
    found = [check(realistic(400, 2, *pair, seed=0), GateLimits(draws_beyond=1)) for pair in PAIRS]
    ratios = [each.challenger_fnmr / each.champion_fnmr for each in found]
    assert ratios == pytest.approx([2.5, 2.5], rel=0.2)


def test_a_much_better_challenger_passes_at_a_size_that_can_be_judged() -> None:
    passed = [check(realistic(40, 2, 1.25, 1.0, seed=seed)).passed for seed in range(20)]
    assert np.mean(passed) >= 0.8


def test_too_few_people_for_the_operating_point_are_no_evidence() -> None:
    better = realistic(13, 2, 1.25, 0.8, seed=0)
    found = check(better)
    assert found.fmr > 0.01
    assert not found.passed
    assert "13 people are too few" in found.explain()
    assert "about 14 are needed" in found.explain()
    assert check(realistic(14, 2, 1.25, 0.8, seed=0)).fmr <= 0.01


def test_where_hardly_anybody_is_refused_nothing_is_shown() -> None:
    easy = face_set(0.2, 0.2)
    found = check(easy)
    assert (found.erring, found.worse_by_at_most) == (0, 0)
    assert not found.passed
    assert "err on 0 of 60 people, and 5 are needed" in found.explain()


def test_many_people_without_an_error_are_evidence_for_a_margin() -> None:
    """Without an error among n people, with 95% confidence at most 3 in n of all people are refused."""
    assert not check(face_set(0.2, 0.2), margin=0.04).passed  # 3 in 60 are 5%
    assert check(face_set(0.2, 0.2), margin=0.06).passed


@pytest.mark.parametrize(("people", "photos"), [(4, 2), (9, 2), (5, 3), (13, 4)])
def test_the_number_of_people_that_is_said_to_suffice_does(people: int, photos: int) -> None:
    def non_mated(count: int) -> int:
        return count * (count - 1) // 2 * photos**2

    limits = GateLimits()
    lacking = limits.missing_people(people, non_mated(people))
    assert limits.missing_people(people + lacking, non_mated(people + lacking)) == 0
    if lacking:
        assert limits.missing_people(people + lacking - 1, non_mated(people + lacking - 1)) > 0


# --- attempts --------------------------------------------------------------------------------------------


def test_all_attempts_together_spend_the_error_probability_once() -> None:
    limits = GateLimits(draws_beyond=1)
    spent = [1 - limits.confidence_of(attempt) for attempt in range(1, 60)]
    assert spent == sorted(spent, reverse=True)
    assert 0.04 < sum(spent) < 0.05


def test_too_many_attempts_are_refused() -> None:
    with pytest.raises(ReleaseError, match="12 challengers were judged"):
        GateLimits().confidence_of(13)


def test_a_later_attempt_is_judged_more_strictly() -> None:
    sets = [JudgedSet("site", face_set(1.3, 1.25), 0.0)]
    found = [judge(sets, LIMITS, attempt).comparisons[0] for attempt in (1, 2, 3)]
    assert [each.confidence for each in found] == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 6, 1 - 0.05 / 12])
    bounds = [each.worse_by_at_most for each in found]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[2]
