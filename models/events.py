"""`DoorEvent`: what happened at a door, in the one form in which it is stored, logged, sent and shown."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, get_args

from models.domain import (
    Box,
    CheckName,
    CheckResult,
    DenyReason,
    PersonId,
    Quality,
    QualityReason,
    Trace,
)

Outcome = Literal["granted", "denied", "fault", "unlocked", "not_unlocked", "alarm", "cleared", "notice"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

RECOGNISED = "recognised"
"""The reason of a grant; those of a denial or fault are `models.domain.DenyReason`."""


class AlarmReason(StrEnum):
    """Why somebody should go and look. docs/reference/events.md explains each."""

    DOOR_FORCED = "door_forced"
    DOOR_HELD_OPEN = "door_held_open"
    LOCK_JAMMED = "lock_jammed"
    LOCK_UNKNOWN = "lock_unknown"
    HARDWARE_OFFLINE = "hardware_offline"
    TAMPER = "tamper"
    DURESS = "duress"
    ENTERED_TWICE = "entered_twice"
    READER_OFFLINE = "reader_offline"


class NoticeReason(StrEnum):
    """What happened without anybody asking to pass. docs/reference/events.md explains each."""

    ENTERED = "entered"
    DID_NOT_ENTER = "did_not_enter"
    EXIT_REQUEST = "exit_request"
    LOCKDOWN_STARTED = "lockdown_started"
    LOCKDOWN_ENDED = "lockdown_ended"
    FIRE_RELEASE_STARTED = "fire_release_started"
    FIRE_RELEASE_ENDED = "fire_release_ended"
    UNLOCKED_BY_SCHEDULE = "unlocked_by_schedule"
    LOCKED_BY_SCHEDULE = "locked_by_schedule"
    KIOSK_STARTED = "kiosk_started"
    KIOSK_STOPPED = "kiosk_stopped"
    REGISTER_CHANGED = "register_changed"


REASONS: dict[str, frozenset[str]] = {
    "decision": frozenset({RECOGNISED, *DenyReason}),
    "action": frozenset({RECOGNISED, *DenyReason}),
    "fault": frozenset(DenyReason),
    "alarm": frozenset(AlarmReason),
    "notice": frozenset(NoticeReason),
}
"""The reasons of each kind of event."""


class EventKind(StrEnum):
    """What sort of thing an event records."""

    DECISION = "decision"
    FAULT = "fault"
    ACTION = "action"
    ALARM = "alarm"
    NOTICE = "notice"


KIND_OF: dict[Outcome, EventKind] = {
    "granted": EventKind.DECISION,
    "denied": EventKind.DECISION,
    "fault": EventKind.FAULT,
    "unlocked": EventKind.ACTION,
    "not_unlocked": EventKind.ACTION,
    "alarm": EventKind.ALARM,
    "cleared": EventKind.ALARM,
    "notice": EventKind.NOTICE,
}

FAILURES: frozenset[Outcome] = frozenset({"fault", "not_unlocked", "alarm"})
"""Outcomes that an operator should look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorEvent:
    """A decision about one track, what became of a grant, or a fault of the door.

    docs/reference/events.md lists the fields.

    Attributes:
        event_id: the running number that the register gave it; None before it was stored.
        seq: its number among the events of its door, from 1 without a gap, given by the register too; two
            events are equal whatever their numbers in a chain.
        at: the time of day; given with any zone, kept in UTC.
        door: the door's name, the setting `door.id`.
        track: the number of the face's track; None for a fault of the door.
        outcome: granted: the lock is to be unlocked; denied; fault: the door could not judge; unlocked or
            not_unlocked: what became of a grant; alarm and cleared: it begins and ends; notice.
        reason: `recognised`, or a `DenyReason`; of an alarm an `AlarmReason`, of a notice a `NoticeReason`.
        intent_id: the number of the grant that an action carried out, or that a notice or alarm follows
            from; None for all else.
        factors: what was shown and fits the person: `face`, `pin`, `card`, in this order.
        trace: every check of a decision, in order.
        silent: True for what only the receiver of alarms may hear of, such as duress.
        advice: what was wrong with the pictures, for the person to mend.
        person_id: the person most alike, to be let in only where the outcome is granted; after an erasure a
            random id that belongs to nobody.
        score: fused cosine similarity of that person, in [-1, 1] (`access.evidence`).
        runner_up_id, runner_up_score: the next person, and their score.
        threshold: the score that was demanded.
        release: the release that judged.
        quality: of the newest picture.
        box: where the face was, in pixels of the camera's picture.
        frames: pictures that the decision rests on.
        stages_ms: milliseconds that each stage took on the frame of the decision.
        detail: what failed, in words.
        clip_s: when the newest picture was taken, in seconds of the clock that stamped the pictures: in a
            recording the place in it.
        written: False when the register could not take the event; the door then stayed shut.

    Raises:
        ValueError: `at` has no zone, a number is not finite, outcome or reason is not a known one, or an
            action has no grant.
    """

    at: datetime
    door: str
    outcome: Outcome
    reason: str
    track: int | None = None
    advice: tuple[QualityReason, ...] = ()
    person_id: PersonId | None = None
    score: float | None = None
    runner_up_id: PersonId | None = None
    runner_up_score: float | None = None
    threshold: float | None = None
    release: str = ""
    quality: Quality | None = None
    box: Box | None = None
    frames: int = 0
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    clip_s: float | None = None
    written: bool = True
    event_id: int | None = None
    intent_id: int | None = None
    factors: tuple[str, ...] = ()
    trace: Trace = ()
    silent: bool = False
    seq: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("an event's time needs its zone")
        # One moment has one form: in zones with summer time an hour comes twice.
        object.__setattr__(self, "at", self.at.astimezone(UTC))
        if self.outcome not in OUTCOMES:
            raise ValueError(f"an event's outcome is {', '.join(OUTCOMES)}, not {self.outcome!r}")
        if self.reason not in REASONS[self.kind]:
            raise ValueError(f"{self.reason!r} is no reason of an event with the outcome {self.outcome}")
        if self.kind is EventKind.ACTION and self.intent_id is None:
            raise ValueError("an action names its grant as intent_id")
        if self.kind in {EventKind.DECISION, EventKind.FAULT} and self.intent_id is not None:
            raise ValueError("a decision or a fault follows from no grant: it has no intent_id")
        for name in ("score", "runner_up_score", "threshold", "clip_s"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"an event's {name} is a finite number, not {value}")

    @property
    def kind(self) -> EventKind:
        """What sort of event it is."""
        return KIND_OF[self.outcome]

    @property
    def margin(self) -> float | None:
        """Score minus the next person's score; None where there is no next person."""
        if self.score is None or self.runner_up_score is None:
            return None
        return self.score - self.runner_up_score

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values by field name, `kind` and `margin` too; nothing is rounded, people are ids."""
        return {
            "kind": str(self.kind),
            "event_id": self.event_id,
            "seq": self.seq,
            "intent_id": self.intent_id,
            "at": self.at.isoformat(timespec="microseconds"),
            "door": self.door,
            "track": self.track,
            "outcome": self.outcome,
            "reason": str(self.reason),
            "advice": [str(reason) for reason in self.advice],
            "person_id": self.person_id,
            "score": self.score,
            "runner_up_id": self.runner_up_id,
            "runner_up_score": self.runner_up_score,
            "margin": self.margin,
            "threshold": self.threshold,
            "release": self.release,
            "quality": None if self.quality is None else quality_record(self.quality),
            "box": None if self.box is None else dataclasses.asdict(self.box),
            "frames": self.frames,
            "stages_ms": dict(self.stages_ms),
            "detail": self.detail,
            "clip_s": self.clip_s,
            "written": self.written,
            "factors": list(self.factors),
            "trace": [trace_record(check) for check in self.trace],
            "silent": self.silent,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "DoorEvent":
        """The event that `to_record` made this of.

        Raises:
            ValueError: a field is missing or unknown, or a value is not one that `to_record` writes.
        """
        values = {name: value for name, value in record.items() if name not in _DERIVED}
        try:
            quality, box = values["quality"], values["box"]
            values["at"] = datetime.fromisoformat(values["at"])
            values["advice"] = _reasons(values["advice"])
            values["factors"] = tuple(values["factors"])
            values["trace"] = tuple(_check(each) for each in values["trace"])
            values["quality"] = None if quality is None else quality_from_record(quality)
            values["box"] = None if box is None else Box(**box)
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ValueError(f"this is no record of an event: {error}") from error


_DERIVED = frozenset({"kind", "margin"})


def trace_record(check: CheckResult) -> dict[str, Any]:
    """One check as plain JSON values."""
    return {"name": str(check.name), "passed": check.passed, "saw": dict(check.saw)}


def _check(record: Mapping[str, Any]) -> CheckResult:
    return CheckResult(CheckName(record["name"]), bool(record["passed"]), dict(record["saw"]))


def quality_record(quality: Quality) -> dict[str, Any]:
    """A picture's quality as plain JSON values."""
    return dataclasses.asdict(quality) | {"reasons": [str(reason) for reason in quality.reasons]}


def quality_from_record(record: Mapping[str, Any]) -> Quality:
    """The reverse of `quality_record`."""
    return Quality(**{**record, "reasons": _reasons(record["reasons"])})


def _reasons(names: list[str]) -> tuple[QualityReason, ...]:
    return tuple(QualityReason(name) for name in names)
