"""`decide`: grants or denies, as a pure function without clock, file or network; in doubt it denies."""

import math
from datetime import datetime

from access.evidence import Evidence
from access.limits import EvidenceLimits
from models.domain import Decision, Deny, DenyReason, Grant, LockState, Threshold

MOVING_LOCKS = frozenset({LockState.LOCKED, LockState.UNLOCKED, LockState.HELD_UNLOCKED})
"""The states of a lock that answers and can move. Unknown is not locked."""

CLOCK_ROUNDING_S = 1e-6
"""A picture of this very moment may seem to come from the future by a rounding error."""


def decide(
    evidence: Evidence, limits: EvidenceLimits, threshold: Threshold, *, now: float, at: datetime
) -> Decision:
    """Grant or deny, from what one track's pictures say together.

    Args:
        evidence: what is known of the track, the gallery and the lock.
        limits: what is demanded of the pictures.
        threshold: the fused score at or above which a person is recognised; carries its network.
        now: seconds of the clock that stamped the pictures.
        at: the same moment by the wall clock, in the site's time zone.

    Raises:
        ValueError: `at` has no zone.
        ModelMismatchError: the search was made by another network than the threshold is for.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a decision needs the site's zone")
    age_s = now - evidence.newest_at_s
    if not -CLOCK_ROUNDING_S <= age_s <= limits.stale_s:  # NaN and the future are stale, too
        return Deny(DenyReason.STALE_FRAME)
    if evidence.enrolled < 1:
        return Deny(DenyReason.NOBODY_ENROLLED)
    if evidence.frames < limits.min_frames:
        if evidence.refused > evidence.frames:
            return Deny(DenyReason.POOR_QUALITY, evidence.advice)
        return Deny(DenyReason.NOT_ENOUGH_EVIDENCE)
    return _identify(evidence, limits, threshold)


def _identify(evidence: Evidence, limits: EvidenceLimits, threshold: Threshold) -> Decision:
    result = evidence.result
    if result is None or result.best is None:  # someone is enrolled, yet the search names nobody
        return Deny(DenyReason.MODEL_FAULT)
    if not math.isfinite(result.best.score) or math.isnan(result.margin):
        return Deny(DenyReason.MODEL_FAULT)
    if not threshold.accepts(result.best.score, result.scale):
        return Deny(DenyReason.NOT_RECOGNISED)
    if result.margin < limits.min_margin:
        return Deny(DenyReason.AMBIGUOUS)
    if evidence.lock not in MOVING_LOCKS:
        return Deny(DenyReason.LOCK_FAULT)
    return Grant(result.best.person_id)
