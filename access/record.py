"""`Audit`: where events are written before anything acts on them; and how a decision becomes an event."""

import dataclasses
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from access.authorise import Proof
from access.hardware.door_machine import DoorChange
from access.visit import Visit
from models.domain import Candidate, Decision, Deny, DenyReason, Grant, PersonId
from models.events import RECOGNISED, AlarmReason, DoorEvent, NoticeReason
from models.register.register import Register
from models.site import SiteView


class Audit(Protocol):
    """A record of what happened at the door."""

    def append(self, event: DoorEvent) -> DoorEvent:
        """Write one event; returned with its number it is safe. Raises RegisterError."""
        ...


class MemoryAudit:
    """Keeps events in memory, numbered from 1, for clips and tests: nothing that happened at a door."""

    def __init__(self) -> None:
        self.events: list[DoorEvent] = []

    def append(self, event: DoorEvent) -> DoorEvent:
        """Keep one event."""
        self.events.append(dataclasses.replace(event, event_id=len(self.events) + 1))
        return self.events[-1]


class RegisterAudit:
    """Writes events into the register; they are on disk when `append` returns.

    Args:
        register: an open one.
    """

    def __init__(self, register: Register) -> None:
        self._register = register

    def append(self, event: DoorEvent) -> DoorEvent:
        """Write one event. Raises RegisterError."""
        return dataclasses.replace(event, event_id=self._register.append_event(event))


def decision_event(
    visit: Visit,
    decision: Decision,
    view: SiteView,
    *,
    at: datetime,
    door: str,
    stages_ms: Mapping[str, float],
) -> DoorEvent:
    """The event of a decision about one track."""
    result = visit.result
    best, runner_up = (None, None) if result is None else (result.best, result.runner_up)
    proven = None if visit.proof is None else visit.proof.person_id
    return DoorEvent(
        at=at,
        door=door,
        clip_s=visit.evidence.newest_at_s if math.isfinite(visit.evidence.newest_at_s) else None,
        track=visit.track_id,
        **_verdict_fields(decision, visit.proof),
        person_id=proven or (None if best is None else best.person_id),
        score=_finite_score(best),
        runner_up_id=None if runner_up is None else runner_up.person_id,
        runner_up_score=_finite_score(runner_up),
        threshold=view.threshold.value,
        release=view.release.release_id,
        quality=visit.quality,
        box=visit.face.box,
        frames=visit.evidence.frames,
        stages_ms=stages_ms,
    )


def credential_event(
    proof: Proof, decision: Decision, view: SiteView, *, at: datetime, at_s: float, door: str
) -> DoorEvent:
    """The event of a decision about a card or PIN that was shown without a recognised face."""
    return DoorEvent(
        at=at,
        door=door,
        clip_s=at_s,
        **_verdict_fields(decision, proof),
        person_id=proof.person_id,
        release=view.release.release_id,
    )


def alarm_event(grant: DoorEvent, reason: AlarmReason) -> DoorEvent:
    """The alarm that a grant gives rise to: duress, which is silent, or a second entry into a zone."""
    return DoorEvent(
        at=grant.at,
        door=grant.door,
        clip_s=grant.clip_s,
        track=grant.track,
        outcome="alarm",
        reason=reason,
        person_id=grant.person_id,
        intent_id=grant.event_id,
        silent=reason is AlarmReason.DURESS,
    )


def change_event(change: DoorChange, *, at: datetime, door: str, person_id: PersonId | None) -> DoorEvent:
    """The event of an alarm or a notice of the door's hardware."""
    return DoorEvent(
        at=at,
        door=door,
        clip_s=change.at_s,
        outcome=change.outcome,
        reason=change.reason,
        detail=change.detail,
        person_id=person_id,
        intent_id=change.grant_id,
    )


def notice_event(reason: NoticeReason, *, at: datetime, door: str, detail: str = "") -> DoorEvent:
    """The event of something that happened without anybody asking to pass."""
    return DoorEvent(at=at, door=door, outcome="notice", reason=reason, detail=detail)


def _verdict_fields(decision: Decision, proof: Proof | None) -> dict[str, Any]:
    granted = isinstance(decision, Grant)
    return {
        "outcome": "granted" if granted else "denied",
        "reason": RECOGNISED if isinstance(decision, Grant) else decision.reason,
        "advice": () if isinstance(decision, Grant) else decision.advice,
        "detail": "" if isinstance(decision, Grant) else decision.detail,
        "trace": decision.trace,
        "factors": () if proof is None else proof.factors,
    }


def outcome_event(grant: DoorEvent, failure: Deny | None, *, at: datetime) -> DoorEvent:
    """The event of what became of a grant that was written.

    Args:
        grant: with its number.
        failure: why the lock was not unlocked; None when it was.
        at: the time of day.
    """
    return DoorEvent(
        at=at,
        door=grant.door,
        clip_s=grant.clip_s,
        track=grant.track,
        outcome="unlocked" if failure is None else "not_unlocked",
        reason=RECOGNISED if failure is None else failure.reason,
        detail="" if failure is None else failure.detail,
        person_id=grant.person_id,
        release=grant.release,
        intent_id=grant.event_id,
    )


def fault_event(*, at: datetime, door: str, at_s: float, reason: DenyReason, detail: str) -> DoorEvent:
    """The event that the door cannot judge, and why."""
    return DoorEvent(at=at, door=door, clip_s=at_s, outcome="fault", reason=reason, detail=detail)


def not_written(event: DoorEvent) -> DoorEvent:
    """The same event, marked as one that the register could not take."""
    return dataclasses.replace(event, written=False)


def _finite_score(candidate: Candidate | None) -> float | None:
    """A network in trouble gives scores that are not finite: the reason says so, the score is left out."""
    return candidate.score if candidate is not None and math.isfinite(candidate.score) else None
