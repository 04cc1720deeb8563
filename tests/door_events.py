"""Door events for tests, and every door event there can be for Hypothesis."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from models.domain import Box, DenyReason, PersonId, Quality, QualityReason
from models.events import KIND_OF, OUTCOMES, RECOGNISED, DoorEvent, EventKind, Outcome

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

_outcomes = st.one_of(
    st.tuples(
        st.sampled_from([each for each in OUTCOMES if (KIND_OF[each] is EventKind.ACTION) is acts]), ids
    )
    for acts, ids in ((True, st.integers(1, 2**31)), (False, st.none()))
)


def _event(outcome: tuple[Outcome, int | None], **fields: Any) -> DoorEvent:
    return DoorEvent(outcome=outcome[0], intent_id=outcome[1], **fields)


door_events = st.builds(
    _event,
    at=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    door=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    outcome=_outcomes,
    reason=st.sampled_from([RECOGNISED, *DenyReason]),
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
)
