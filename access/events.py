"""What happened at the door, as one record per decision or fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from access.site_view import SiteView
from access.visit import Visit
from models.domain import Box, Decision, DenyReason, Grant, PersonId, Quality, QualityReason

Outcome = Literal["granted", "denied", "fault"]

RECOGNISED = "recognised"
"""The reason of a grant; those of everything else are `models.domain.DenyReason`."""


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """One decision about one track, or one fault of the door.

    Attributes:
        at: the time of day, in UTC.
        captured_at_s: when the newest picture was taken, in seconds of the door's clock.
        track: the track's number, None for a fault of the door.
        outcome: granted, denied, or fault: the door could not judge.
        reason: `recognised`, or a `DenyReason`.
        advice: what the person can do about it.
        person_id: the person most alike; let in only where the outcome is granted.
        score, runner_up_score: fused cosine similarities, see `access.evidence`.
        runner_up: the next person.
        threshold: the score that was demanded.
        release: the network, preprocessing and threshold in use.
        quality: of the newest picture.
        box: where the face was, in pixels of the camera's picture.
        frames: pictures that the decision rests on.
        stages_ms: milliseconds that each stage took on the frame of the decision.
        detail: the words of the fault.
        written: False when the audit could not take it; the door then stayed shut.
    """

    at: datetime
    captured_at_s: float
    track: int | None
    outcome: Outcome
    reason: str
    advice: tuple[QualityReason, ...] = ()
    person_id: PersonId | None = None
    score: float | None = None
    runner_up: PersonId | None = None
    runner_up_score: float | None = None
    threshold: float | None = None
    release: str = ""
    quality: Quality | None = None
    box: Box | None = None
    frames: int = 0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    written: bool = True

    @property
    def margin(self) -> float | None:
        """Score minus the next person's score; None where there is no next person."""
        if self.score is None or self.runner_up_score is None:
            return None
        return self.score - self.runner_up_score

    def summary(self) -> dict[str, Any]:
        """The parts that are the same on every machine, numbers rounded to 3 places, ready for JSON."""
        return {
            "time_s": round(self.captured_at_s, 3),
            "track": self.track,
            "outcome": self.outcome,
            "reason": str(self.reason),
            "advice": [str(reason) for reason in self.advice],
            "person_id": self.person_id,
            "score": _rounded(self.score),
            "runner_up": self.runner_up,
            "runner_up_score": _rounded(self.runner_up_score),
            "margin": _rounded(self.margin),
            "threshold": _rounded(self.threshold),
            "frames": self.frames,
            "release": self.release,
        }


def verdict_event(
    visit: Visit, decision: Decision, view: SiteView, at: datetime, stages_ms: Mapping[str, float]
) -> DoorEvent:
    """The record of a decision about one track."""
    result = visit.result
    best, runner_up = (None, None) if result is None else (result.best, result.runner_up)
    return DoorEvent(
        at=at,
        captured_at_s=visit.evidence.newest_at_s,
        track=visit.track_id,
        outcome="granted" if isinstance(decision, Grant) else "denied",
        reason=RECOGNISED if isinstance(decision, Grant) else decision.reason,
        advice=() if isinstance(decision, Grant) else decision.advice,
        person_id=None if best is None else best.person_id,
        score=None if best is None else best.score,
        runner_up=None if runner_up is None else runner_up.person_id,
        runner_up_score=None if runner_up is None else runner_up.score,
        threshold=view.policy.threshold.value,
        release=view.release_id,
        quality=visit.quality,
        box=visit.face.box,
        frames=visit.evidence.frames,
        stages_ms=stages_ms,
    )


def fault_event(at: datetime, at_s: float, reason: DenyReason, detail: str) -> DoorEvent:
    """The record that the door cannot judge, and why."""
    return DoorEvent(at=at, captured_at_s=at_s, track=None, outcome="fault", reason=reason, detail=detail)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
