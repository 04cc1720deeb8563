"""An event survives its record, whatever is in it, and refuses what is no event."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from models.domain import PersonId
from models.events import DoorEvent, EventKind
from tests.door_events import door_event, door_events


@given(door_events)
def test_an_event_survives_its_record_as_json(event: DoorEvent) -> None:
    text = json.dumps(event.to_record(), allow_nan=False)
    assert DoorEvent.from_record(json.loads(text)) == event


def test_a_record_tells_kind_and_margin_and_names_people_by_id_alone() -> None:
    granted = door_event(
        outcome="granted",
        reason="recognised",
        person_id=PersonId("a"),
        score=0.75,
        runner_up_id=PersonId("b"),
        runner_up_score=0.5,
    )
    record = granted.to_record()
    assert (record["kind"], record["margin"]) == ("decision", 0.25)
    assert (record["person_id"], record["runner_up_id"]) == ("a", "b")
    assert not any(name.endswith("name") for name in record)
    fault = door_event(outcome="fault", reason="camera_fault", track=None)
    assert (fault.kind, fault.to_record()["margin"]) == (EventKind.FAULT, None)


def test_the_hour_that_comes_twice_is_two_moments() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (
        door_event(at=datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold)) for fold in (0, 1)
    )
    assert (second.at - first.at).total_seconds() == 3600
    assert first.to_record()["at"] == "2026-10-25T00:30:00.000000+00:00"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"at": datetime(2026, 11, 2)}, "zone"),  # noqa: DTZ001
        ({"outcome": "opened"}, "outcome"),
        ({"reason": "anything"}, "reason"),
        ({"score": float("nan")}, "score"),
        ({"threshold": float("inf")}, "threshold"),
        ({"outcome": "unlocked", "reason": "recognised"}, "grant"),
        ({"intent_id": 7}, "grant"),
    ],
)
def test_what_is_no_event_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        door_event(**fields)


@pytest.mark.parametrize(
    "change", [{"advice": ["cold"]}, {"box": {"left": 1}}, {"colour": "red"}, {"quality": 3}]
)
def test_a_record_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        DoorEvent.from_record(door_event().to_record() | change)
    incomplete = {name: value for name, value in door_event().to_record().items() if name != "quality"}
    with pytest.raises(ValueError, match="quality"):
        DoorEvent.from_record(incomplete)
