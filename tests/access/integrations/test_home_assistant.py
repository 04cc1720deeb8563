"""The discovery message against the documented one, and what each event and state becomes."""

import json
from importlib.metadata import version

import pytest

from access.door_report import DoorReport
from access.integrations.home_assistant import (
    EVENT_TYPES,
    LOCK_STATES,
    DoorTopics,
    access_payload,
    discovery,
    states,
    topic_name,
)
from models.domain import Contact, DoorInputs, LockState
from models.events import AlarmReason, NoticeReason
from tests.conftest import ROOT
from tests.door_events import door_event

TOPICS = DoorTopics("hq", "front")
REFERENCE = (ROOT / "docs" / "reference" / "integrations.md").read_text(encoding="utf-8")


def test_the_discovery_message_is_the_documented_one() -> None:
    example = REFERENCE.split("```json\n")[1].split("```")[0].replace("VERSION", version("doorward"))
    assert discovery(TOPICS, "doorward/hq/front/sync", silent=False) == json.loads(example)
    assert f"`{TOPICS.discovery}`".replace("hq", "SITE").replace("front", "DOOR") in REFERENCE


# What Home Assistant demands of each platform (its pages on MQTT binary sensor, event, sensor and discovery).
NEEDED = {
    "binary_sensor": {"p", "device_class", "name", "unique_id", "state_topic"},
    "event": {"p", "name", "unique_id", "state_topic", "event_types"},
    "sensor": {"p", "name", "unique_id", "state_topic"},
}
DEVICE_CLASSES = {"lock", "door", "problem", "tamper"}


@pytest.mark.parametrize("silent", [False, True])
def test_every_component_has_what_home_assistant_demands(silent: bool) -> None:
    message = discovery(TOPICS, "doorward/hq/front/sync", silent=silent)
    assert {"ids", "name"} <= set(message["dev"])
    assert {"name"} <= set(message["o"])
    components = message["cmps"].values()
    for component in components:
        assert NEEDED[component["p"]] <= set(component)
        assert component.get("device_class", "lock") in DEVICE_CLASSES
        assert component["state_topic"].startswith("doorward/hq/front/")
    ids = [component["unique_id"] for component in components]
    assert len(set(ids)) == len(ids)


def test_nothing_in_the_announcement_can_open_the_door() -> None:
    text = json.dumps(discovery(TOPICS, "doorward/hq/front/sync", silent=True))
    assert "command" not in text
    assert '"p": "lock"' not in text


@pytest.mark.parametrize("lock", LockState)
def test_a_lock_that_is_not_known_is_neither_locked_nor_unlocked(lock: LockState) -> None:
    assert set(LOCK_STATES) == set(LockState)
    found = states(TOPICS, DoorReport(lock))
    unsure = lock in {LockState.UNKNOWN, LockState.JAMMED}
    assert (found[TOPICS["lock"]] == "None") is unsure
    assert (found[TOPICS["problem"]] == "ON") is unsure
    assert json.loads(found[TOPICS["lock/attributes"]])["state"] == lock
    assert list(found)[-1] == TOPICS["availability"]


def test_the_inputs_are_states_of_their_own() -> None:
    opened = states(TOPICS, DoorReport(LockState.LOCKED, DoorInputs(Contact.OPEN, tamper=True), ("tamper",)))
    shut = states(TOPICS, DoorReport(LockState.LOCKED, DoorInputs(Contact.CLOSED)))
    none = states(TOPICS, DoorReport(LockState.LOCKED))
    assert [each[TOPICS["contact"]] for each in (opened, shut, none)] == ["ON", "OFF", "None"]
    assert [each[TOPICS["tamper"]] for each in (opened, shut)] == ["ON", "OFF"]
    assert [each[TOPICS["problem"]] for each in (opened, shut)] == ["ON", "OFF"]


def test_of_a_door_without_a_kiosk_only_that_is_said() -> None:
    assert states(TOPICS, None) == {TOPICS["availability"]: "offline"}


@pytest.mark.parametrize(
    ("outcome", "reason", "expected"),
    [
        ("granted", "recognised", "granted"),
        ("denied", "not_recognised", "denied"),
        ("alarm", AlarmReason.DOOR_FORCED, "forced_open"),
        ("alarm", AlarmReason.DOOR_HELD_OPEN, "held_open"),
        ("alarm", AlarmReason.DURESS, "duress_silent"),
        ("alarm", AlarmReason.TAMPER, None),
        ("cleared", AlarmReason.DOOR_FORCED, None),
        ("notice", NoticeReason.LOCKDOWN_STARTED, "lockdown"),
        ("notice", NoticeReason.FIRE_RELEASE_STARTED, "fire_release"),
        ("notice", NoticeReason.ENTERED, None),
        ("fault", "camera_fault", None),
    ],
)
def test_an_event_is_of_the_documented_type(outcome: str, reason: str, expected: str | None) -> None:
    found = access_payload(door_event(outcome=outcome, reason=reason, seq=812), None)
    if expected is None:
        assert found is None
        return
    at = "2026-11-02T12:00:00.000000+00:00"
    assert found == {"event_type": expected, "reason": reason, "seq": 812, "at": at}
    assert expected == "duress_silent" or expected in EVENT_TYPES


def test_the_documentation_lists_every_retained_topic() -> None:
    for topic in TOPICS.retained():
        assert f"`{topic.replace('hq', 'SITE').replace('front', 'DOOR')}`" in REFERENCE


@pytest.mark.parametrize(
    ("name", "expected"),
    [("site", "site"), ("HQ", "hq"), ("Zoë's Büro / 2", "zo_s_b_ro_2"), ("#+/", "site"), ("é" * 99, "site")],
)
def test_a_sites_name_becomes_part_of_a_topic(name: str, expected: str) -> None:
    assert topic_name(name) == expected
