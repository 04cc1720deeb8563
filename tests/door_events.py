"""Door events for tests, and every door event there can be for Hypothesis."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from models.domain import Box, CheckName, CheckResult, PersonId, Quality, QualityReason
from models.events import KIND_OF, OUTCOMES, REASONS, DoorEvent, EventKind, Outcome

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def door_event(**fields: Any) -> DoorEvent:
    """A denial at the front door, with other values where they are given."""
    usual = {"at": NOON, "door": "front", "track": 1, "outcome": "denied", "reason": "not_recognised"}
    return DoorEvent(**(usual | fields))


_numbers = st.floats(allow_nan=False, allow_infinity=False)
_ids = st.uuids().map(lambda found: PersonId(found.hex))
_reasons = st.lists(st.sampled_from(QualityReason), max_size=3).map(tuple)
_qualities = st.builds(
    Quality,
    **dict.fromkeys(
        ("face_px", "sharpness", "yaw_deg", "pitch_deg", "roll_deg", "brightness", "contrast"), _numbers
    ),
    reasons=_reasons,
)

_numbered = st.integers(1, 2**31)
_intents: dict[EventKind, st.SearchStrategy[int | None]] = {
    EventKind.ACTION: _numbered,
    EventKind.ALARM: st.none() | _numbered,
    EventKind.NOTICE: st.none() | _numbered,
    EventKind.DECISION: st.none(),
    EventKind.FAULT: st.none(),
}
_outcomes = st.sampled_from(OUTCOMES).flatmap(
    lambda outcome: st.tuples(
        st.just(outcome), st.sampled_from(sorted(REASONS[KIND_OF[outcome]])), _intents[KIND_OF[outcome]]
    )
)
_checks = st.builds(
    CheckResult,
    st.sampled_from(CheckName),
    st.booleans(),
    st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.text()), max_size=3),
)


def _event(outcome: tuple[Outcome, str, int | None], **fields: Any) -> DoorEvent:
    return DoorEvent(outcome=outcome[0], reason=outcome[1], intent_id=outcome[2], **fields)


door_events = st.builds(
    _event,
    at=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    door=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    outcome=_outcomes,
    track=st.none() | st.integers(1, 2**31),
    advice=_reasons,
    person_id=st.none() | _ids,
    score=st.none() | _numbers,
    runner_up_id=st.none() | _ids,
    runner_up_score=st.none() | _numbers,
    threshold=st.none() | _numbers,
    release=st.text(),
    quality=st.none() | _qualities,
    box=st.none() | st.builds(Box, _numbers, _numbers, _numbers, _numbers),
    frames=st.integers(0, 1000),
    stages_ms=st.dictionaries(st.text(), _numbers, max_size=4),
    detail=st.text(),
    clip_s=st.none() | _numbers,
    written=st.booleans(),
    event_id=st.none() | st.integers(1, 2**31),
    factors=st.lists(st.sampled_from(["face", "pin", "card"]), unique=True).map(tuple),
    trace=st.lists(_checks, max_size=3).map(tuple),
    silent=st.booleans(),
)
