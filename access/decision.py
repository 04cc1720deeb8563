"""`decide`: grants or denies, as pure functions without clock, file or network; in doubt they deny.

First who it is (`identify`), then whether this person may pass (the rules), then whether the lock can move.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from access.evidence import Evidence
from access.limits import EvidenceLimits
from models.domain import (
    CheckName,
    CheckResult,
    Decision,
    Deny,
    DenyReason,
    Grant,
    LockState,
    PersonId,
    QualityReason,
    Threshold,
    Trace,
)
from models.rules.request import Verdict

MOVING_LOCKS = frozenset({LockState.LOCKED, LockState.UNLOCKED, LockState.HELD_UNLOCKED})
"""The states of a lock that answers and can move. Unknown is not locked."""

CLOCK_ROUNDING_S = 1e-6
"""A picture of this very moment may seem to come from the future by a rounding error."""

UNCLEAR = frozenset({DenyReason.POOR_QUALITY, DenyReason.NOT_ENOUGH_EVIDENCE})
"""The pictures do not say who it is, and do not say that it is somebody else."""

IDENTITY_CHECKS = frozenset(
    {
        CheckName.FRESH_PICTURE,
        CheckName.SOMEBODY_ENROLLED,
        CheckName.ENOUGH_PICTURES,
        CheckName.RECOGNISED,
        CheckName.CLEAR_LEAD,
    }
)
"""The checks that say who stands there."""

Authorise = Callable[[PersonId], Verdict]
"""Asks the rules about a person at this door, now, with what was shown."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Who stands there, by the face.

    Attributes:
        person_id: an enrolled person.
        trace: the checks that it took.
    """

    person_id: PersonId
    trace: Trace


def decide(
    evidence: Evidence,
    limits: EvidenceLimits,
    threshold: Threshold,
    *,
    now: float,
    at: datetime,
    authorise: Authorise,
    known: Identified | None = None,
) -> Decision:
    """Grant or deny, from what one track's pictures say together and what the rules say of the person.

    Args:
        evidence: what is known of the track, the gallery and the lock.
        limits: what is demanded of the pictures.
        threshold: the fused score at or above which a person is recognised; carries its network.
        now: seconds of the clock that stamped the pictures.
        at: the same moment by the wall clock, in the site's time zone.
        authorise: the rules; asked only about somebody who was recognised.
        known: who this track was recognised as a moment ago; counts while the newest pictures are not good
            enough to tell, since whoever types a PIN looks down.

    Raises:
        ValueError: `at` has no zone.
        ModelMismatchError: the search was made by another network than the threshold is for.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a decision needs the site's zone")
    found = identify(evidence, limits, threshold, now=now)
    if isinstance(found, Deny):
        if known is None or found.reason not in UNCLEAR:
            return found
        found = known
    return admit(found, authorise(found.person_id), evidence.lock)


def identify(
    evidence: Evidence, limits: EvidenceLimits, threshold: Threshold, *, now: float
) -> Identified | Deny:
    """Who stands there, or why that cannot be said. Arguments and errors: as `decide`."""
    checks = _Checks()
    age_s = now - evidence.newest_at_s
    # NaN and the future are stale, too.
    fresh = -CLOCK_ROUNDING_S <= age_s <= limits.stale_s
    if not checks.note(CheckName.FRESH_PICTURE, fresh, age_s=_finite(age_s), limit_s=limits.stale_s):
        return checks.deny(DenyReason.STALE_FRAME)
    if not checks.note(CheckName.SOMEBODY_ENROLLED, evidence.enrolled >= 1, people=evidence.enrolled):
        return checks.deny(DenyReason.NOBODY_ENROLLED)
    enough = evidence.frames >= limits.min_frames
    seen = {"pictures": evidence.frames, "needed": limits.min_frames, "refused": evidence.refused}
    if not checks.note(CheckName.ENOUGH_PICTURES, enough, **seen):
        if evidence.refused > evidence.frames:
            return checks.deny(DenyReason.POOR_QUALITY, evidence.advice)
        return checks.deny(DenyReason.NOT_ENOUGH_EVIDENCE)
    return _recognise(evidence, limits, threshold, checks)


def admit(found: Identified, verdict: Verdict, lock: LockState) -> Decision:
    """Grant or deny a person who is known: the rules' verdict, then whether the lock can move.

    Args:
        found: who it is, by the face or by a card or PIN.
        verdict: of the rules about this person.
        lock: what the lock says of itself.
    """
    trace = found.trace + verdict.trace
    if verdict.reason is not None:
        return Deny(verdict.reason, trace=trace)
    moves = lock in MOVING_LOCKS
    trace += (CheckResult(CheckName.LOCK, moves, {"state": str(lock)}),)
    if not moves:
        return Deny(DenyReason.LOCK_FAULT, trace=trace)
    return Grant(found.person_id, trace, verdict.longer)


TOLD_APART = CheckResult(CheckName.CLEAR_LEAD, True, {"told_apart": True})
"""Two people are too alike, and the card or PIN that was shown belongs to one of them."""


def likely_people(evidence: Evidence, threshold: Threshold) -> list[PersonId]:
    """The people whose score reaches the threshold, the most alike first: at most two."""
    result = evidence.result
    if result is None:
        return []
    likely = [each for each in (result.best, result.runner_up) if each is not None]
    return [each.person_id for each in likely if threshold.accepts(each.score, result.scale)]


def _recognise(
    evidence: Evidence, limits: EvidenceLimits, threshold: Threshold, checks: "_Checks"
) -> Identified | Deny:
    result = evidence.result
    if result is None or result.best is None:  # someone is enrolled, yet the search names nobody
        return checks.deny(DenyReason.MODEL_FAULT)
    if not math.isfinite(result.best.score) or math.isnan(result.margin):
        return checks.deny(DenyReason.MODEL_FAULT)
    accepted = threshold.accepts(result.best.score, result.scale)
    seen = {"score": result.best.score, "needed": threshold.value}
    if not checks.note(CheckName.RECOGNISED, accepted, **seen):
        return checks.deny(DenyReason.NOT_RECOGNISED)
    clear = result.margin >= limits.min_margin
    margin = _finite(result.margin)
    if not checks.note(CheckName.CLEAR_LEAD, clear, margin=margin, needed=limits.min_margin):
        return checks.deny(DenyReason.AMBIGUOUS)
    return Identified(result.best.person_id, checks.trace)


class _Checks:
    """Notes every check of a decision, in order."""

    def __init__(self) -> None:
        self.trace: Trace = ()

    def note(self, name: CheckName, passed: bool, **saw: float | int | str | None) -> bool:
        """Add a check; returns whether it was passed."""
        self.trace += (CheckResult(name, passed, saw),)
        return passed

    def deny(self, reason: DenyReason, advice: tuple[QualityReason, ...] = ()) -> Deny:
        """A denial with the checks so far."""
        return Deny(reason, advice, trace=self.trace)


def _finite(value: float) -> float | None:
    """The value for JSON, which has neither NaN nor infinity."""
    return value if math.isfinite(value) else None
