"""The decision: every outcome once, and the properties that must hold for all evidence."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import decision
from access.decision import likely_people
from access.evidence import Evidence
from access.limits import EvidenceLimits
from models.domain import (
    Candidate,
    Decision,
    Deny,
    DenyReason,
    Grant,
    LockState,
    PersonId,
    QualityReason,
    ScoreKind,
    ScoreScale,
    SearchResult,
    Threshold,
)
from models.errors import ModelMismatchError
from models.rules.request import Verdict

ADA, BOB = PersonId("a" * 32), PersonId("b" * 32)
MODEL = "net-1"
SCALE = ScoreScale(ScoreKind.CENTRED, MODEL)
LIMITS = EvidenceLimits(min_margin=0.05, min_frames=3, stale_s=0.5)
THRESHOLD = Threshold(0.4, SCALE)


def found(best: float, runner_up: float | None = 0.1, model_id: str = MODEL) -> SearchResult:
    second = None if runner_up is None else Candidate(BOB, runner_up)
    return SearchResult(Candidate(ADA, best), second, ScoreScale(ScoreKind.CENTRED, model_id))


AT = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def decide(
    evidence: Evidence, limits: EvidenceLimits, threshold: Threshold, now: float, at: datetime = AT
) -> Decision:
    return decision.decide(
        evidence, limits, threshold, now=now, at=at, authorise=lambda _person: Verdict(None, ())
    )


GOOD = Evidence(
    frames=3,
    refused=0,
    advice=(),
    newest_at_s=10.0,
    result=found(0.8),
    enrolled=2,
    lock=LockState.LOCKED,
)


def test_enough_agreeing_pictures_of_an_enrolled_person_open_the_door() -> None:
    assert decide(GOOD, LIMITS, THRESHOLD, 10.1) == Grant(ADA)


def test_a_score_at_the_threshold_passes_and_one_below_does_not() -> None:
    assert decide(replace(GOOD, result=found(0.4)), LIMITS, THRESHOLD, 10.0) == Grant(ADA)
    below = replace(GOOD, result=found(math.nextafter(0.4, 0)))
    assert decide(below, LIMITS, THRESHOLD, 10.0) == Deny(DenyReason.NOT_RECOGNISED)


def test_a_single_enrolled_person_needs_no_runner_up() -> None:
    assert decide(replace(GOOD, result=found(0.8, None), enrolled=1), LIMITS, THRESHOLD, 10.0) == Grant(ADA)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"newest_at_s": 9.4}, DenyReason.STALE_FRAME),
        ({"newest_at_s": 10.2}, DenyReason.STALE_FRAME),
        ({"newest_at_s": math.nan}, DenyReason.STALE_FRAME),
        ({"enrolled": 0}, DenyReason.NOBODY_ENROLLED),
        ({"frames": 2}, DenyReason.NOT_ENOUGH_EVIDENCE),
        ({"frames": 2, "refused": 2}, DenyReason.NOT_ENOUGH_EVIDENCE),
        ({"frames": 2, "refused": 3}, DenyReason.POOR_QUALITY),
        ({"result": None}, DenyReason.MODEL_FAULT),
        ({"result": SearchResult(None, None, SCALE)}, DenyReason.MODEL_FAULT),
        ({"result": found(math.nan)}, DenyReason.MODEL_FAULT),
        ({"result": found(math.inf)}, DenyReason.MODEL_FAULT),
        ({"result": found(0.8, math.nan)}, DenyReason.MODEL_FAULT),
        ({"result": found(0.39)}, DenyReason.NOT_RECOGNISED),
        ({"result": found(0.8, 0.76)}, DenyReason.AMBIGUOUS),
        ({"lock": LockState.UNKNOWN}, DenyReason.LOCK_FAULT),
        ({"lock": LockState.JAMMED}, DenyReason.LOCK_FAULT),
    ],
)
def test_each_missing_condition_has_its_deny_reason(change: dict[str, object], reason: DenyReason) -> None:
    decided = decide(replace(GOOD, **change), LIMITS, THRESHOLD, 10.0)  # type: ignore[arg-type]
    assert isinstance(decided, Deny)
    assert decided.reason is reason


def test_poor_pictures_come_with_what_to_do_about_them() -> None:
    advice = (QualityReason.TOO_DARK, QualityReason.BLURRED)
    evidence = replace(GOOD, frames=0, refused=4, advice=advice)
    assert decide(evidence, LIMITS, THRESHOLD, 10.0) == Deny(DenyReason.POOR_QUALITY, advice)


def test_a_search_of_another_network_is_an_error_and_no_decision() -> None:
    with pytest.raises(ModelMismatchError):
        decide(replace(GOOD, result=found(0.8, model_id="net-2")), LIMITS, THRESHOLD, 10.0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        decide(GOOD, LIMITS, THRESHOLD, 10.0, AT.replace(tzinfo=None))


@pytest.mark.parametrize(
    "change",
    [
        {"min_margin": -0.1},
        {"min_margin": math.nan},
        {"window_s": math.inf},
        {"stale_s": -1.0},
        {"cooldown_s": math.nan},
        {"same_face_score": -1.5},
        {"same_face_score": math.nan},
        {"min_frames": 0},
        {"max_faces": 0},
        {"visit_s": math.nan},
    ],
)
def test_evidence_limits_below_their_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(LIMITS, **change)  # type: ignore[arg-type]


anything = st.floats(allow_nan=True, allow_infinity=True)
scores = st.floats(-1, 1) | anything
candidates = st.builds(Candidate, st.sampled_from([ADA, BOB]), scores)
results = st.none() | st.builds(SearchResult, st.none() | candidates, st.none() | candidates, st.just(SCALE))
FIELDS = {
    "frames": st.integers(0, 6),
    "refused": st.integers(0, 6),
    "newest_at_s": st.floats(9, 11) | anything,
    "result": results,
    "enrolled": st.integers(0, 3),
    "lock": st.sampled_from(LockState),
}
# Good evidence with any of its parts replaced: grants and denials are both common.
evidences = st.fixed_dictionaries({}, optional=FIELDS).map(lambda change: replace(GOOD, **change))
thresholds = st.floats(-1, 1)


@given(evidences, thresholds, st.floats(0, 2))
def test_raising_the_threshold_never_turns_a_denial_into_a_grant(
    evidence: Evidence, value: float, rise: float
) -> None:
    low = Threshold(value, SCALE)
    high = Threshold(value + rise, SCALE)
    denied = isinstance(decide(evidence, LIMITS, low, 10.0), Deny)
    assert not (denied and isinstance(decide(evidence, LIMITS, high, 10.0), Grant))


@given(evidences, st.integers(1, 4), st.floats(0, 0.5))
def test_demanding_more_never_turns_a_denial_into_a_grant(
    evidence: Evidence, frames: int, margin: float
) -> None:
    stricter = replace(LIMITS, min_frames=LIMITS.min_frames + frames, min_margin=LIMITS.min_margin + margin)
    denied = isinstance(decide(evidence, LIMITS, THRESHOLD, 10.0), Deny)
    assert not (denied and isinstance(decide(evidence, stricter, THRESHOLD, 10.0), Grant))


@given(evidences, thresholds)
def test_a_grant_means_that_everything_was_in_order(evidence: Evidence, value: float) -> None:
    threshold = Threshold(value, SCALE)
    decided = decide(evidence, LIMITS, threshold, 10.0)
    if isinstance(decided, Deny):
        return
    assert evidence.result is not None and evidence.result.best is not None
    best, runner_up = evidence.result.best, evidence.result.runner_up
    assert decided == Grant(best.person_id)
    assert math.isfinite(best.score) and best.score >= value
    assert runner_up is None or best.score - runner_up.score >= LIMITS.min_margin
    assert 0 <= 10.0 - evidence.newest_at_s <= LIMITS.stale_s
    assert evidence.frames >= LIMITS.min_frames and evidence.enrolled > 0
    assert evidence.lock in {LockState.LOCKED, LockState.UNLOCKED, LockState.HELD_UNLOCKED}


@given(evidences, st.floats(0.51, 1e6))
def test_stale_evidence_never_opens(evidence: Evidence, age_s: float) -> None:
    evidence = replace(evidence, newest_at_s=10.0)
    assert isinstance(decide(evidence, LIMITS, THRESHOLD, 10.0 + age_s), Deny)


@given(evidences, st.sampled_from([LockState.UNKNOWN, LockState.JAMMED]))
def test_a_lock_that_cannot_move_is_never_unlocked(evidence: Evidence, state: LockState) -> None:
    assert isinstance(decide(replace(evidence, lock=state), LIMITS, THRESHOLD, 10.0), Deny)


def test_only_people_at_or_above_the_threshold_are_likely() -> None:
    assert likely_people(GOOD, THRESHOLD) == [ADA]
    assert likely_people(replace(GOOD, result=found(0.8, 0.4)), THRESHOLD) == [ADA, BOB]
    assert likely_people(replace(GOOD, result=found(0.3, 0.2)), THRESHOLD) == []
    assert likely_people(replace(GOOD, result=None), THRESHOLD) == []
