"""Topics of a door, what is published there, and the message that announces the door to Home Assistant.

Topics and payloads: docs/reference/integrations.md. Of the lock there is a read-only `binary_sensor`: a
`lock` entity has a command topic, and whoever has the broker's password could open the door.
"""

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from access.door_report import DoorReport
from models.domain import Contact, LockState
from models.events import AlarmReason, DoorEvent, NoticeReason

STATUS_TOPIC = "homeassistant/status"
"""Where Home Assistant says that it has started."""

UNKNOWN = "None"
"""What a `binary_sensor` takes for an unknown state."""

LOCK_STATES = {
    LockState.LOCKED: "locked",
    LockState.UNLOCKED: "unlocked",
    LockState.HELD_UNLOCKED: "unlocked",
    LockState.UNKNOWN: UNKNOWN,
    LockState.JAMMED: UNKNOWN,
}
CONTACT_STATES = {Contact.CLOSED: "OFF", Contact.OPEN: "ON", Contact.NONE: UNKNOWN}
LOCK_PROBLEMS = frozenset({LockState.UNKNOWN, LockState.JAMMED})

EVENT_TYPES = ("granted", "denied", "forced_open", "held_open", "lockdown", "fire_release")
SILENT_EVENT_TYPES = ("duress_silent",)
ALARM_TYPES = {AlarmReason.DOOR_FORCED: "forced_open", AlarmReason.DOOR_HELD_OPEN: "held_open"}
NOTICE_TYPES = {NoticeReason.LOCKDOWN_STARTED: "lockdown", NoticeReason.FIRE_RELEASE_STARTED: "fire_release"}


@dataclass(frozen=True, slots=True)
class DoorTopics:
    """The topics of one door.

    Attributes:
        site, door: their names: letters, digits, - and _.
    """

    site: str
    door: str

    def __getitem__(self, name: str) -> str:
        """The topic of a name: `lock`, `events` and so on."""
        return f"doorward/{self.site}/{self.door}/{name}"

    @property
    def discovery(self) -> str:
        """Where the door is announced to Home Assistant."""
        return f"homeassistant/device/{self.device}/config"

    @property
    def device(self) -> str:
        """The id of the device."""
        return f"doorward_{self.site}_{self.door}"

    def retained(self) -> list[str]:
        """Every topic that the broker keeps a message of."""
        names = ("availability", "lock", "lock/attributes", "contact", "problem", "tamper", "reason")
        return [self.discovery, *(self[name] for name in (*names, "checkpoint", "silent/checkpoint"))]


def topic_name(name: str) -> str:
    """A site's name as part of a topic: anything but letters, digits, - and _ becomes _."""
    return re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_")[:64] or "site"


def discovery(topics: DoorTopics, sync_topic: str, *, silent: bool) -> dict[str, Any]:
    """The device discovery message of a door (Home Assistant 2024.11 and later).

    Args:
        topics: of the door.
        sync_topic: where the broker itself says that `doorward sync` is gone.
        silent: True announces silent alarms as well.
    """
    device = topics.device

    def sensor(key: str, name: str, device_class: str, **more: str) -> dict[str, Any]:
        return {
            "p": "binary_sensor",
            "device_class": device_class,
            "name": name,
            "unique_id": f"{device}_{key}",
            "state_topic": topics[key],
            **more,
        }

    def event(key: str, name: str, topic: str, types: tuple[str, ...]) -> dict[str, Any]:
        return {
            "p": "event",
            "name": name,
            "unique_id": f"{device}_{key}",
            "state_topic": topics[topic],
            "event_types": list(types),
        }

    attributes = {"json_attributes_topic": topics["lock/attributes"]}
    payloads = {"payload_on": "unlocked", "payload_off": "locked"}
    components = {
        "lock": sensor("lock", "Lock", "lock", **payloads, **attributes),
        "contact": sensor("contact", "Door", "door"),
        "problem": sensor("problem", "Problem", "problem", entity_category="diagnostic"),
        "tamper": sensor("tamper", "Tamper", "tamper"),
        "access": event("access", "Access", "access", EVENT_TYPES),
        "reason": {
            "p": "sensor",
            "name": "Last decision",
            "unique_id": f"{device}_reason",
            "state_topic": topics["reason"],
            "icon": "mdi:door",
        },
    }
    if silent:
        components["silent"] = event("silent", "Silent alarm", "silent/access", SILENT_EVENT_TYPES)
    name = topics.door.replace("_", " ").replace("-", " ").strip().capitalize() or topics.door
    software = version("doorward")
    return {
        "dev": {"ids": [device], "name": name, "mf": "Doorward", "mdl": "kiosk", "sw": software},
        "o": {"name": "doorward", "sw": software},
        "avty": [{"t": topics["availability"]}, {"t": sync_topic}],
        "avty_mode": "all",
        "qos": 1,
        "cmps": components,
    }


def states(topics: DoorTopics, status: DoorReport | None) -> dict[str, str]:
    """The retained messages that say how a door stands, by topic; None: its kiosk says nothing."""
    if status is None:
        return {topics["availability"]: "offline"}
    problem = bool(status.problems) or status.lock in LOCK_PROBLEMS
    return {
        topics["lock"]: LOCK_STATES[status.lock],
        topics["lock/attributes"]: json.dumps({"state": status.lock, "problems": list(status.problems)}),
        topics["contact"]: CONTACT_STATES[status.inputs.contact],
        topics["problem"]: "ON" if problem else "OFF",
        topics["tamper"]: "ON" if status.inputs.tamper else "OFF",
        # Last, so that nobody sees the states of yesterday as those of today.
        topics["availability"]: "online",
    }


def access_payload(event: DoorEvent, name: str | None) -> dict[str, Any] | None:
    """The message for an `event` entity; None for an event that none of its types fits.

    Args:
        event: with its `seq`.
        name: of the person; None leaves it out.
    """
    kind = _event_type(event)
    if kind is None:
        return None
    payload = {
        "event_type": kind,
        "reason": str(event.reason),
        "seq": event.seq,
        "at": event.at.isoformat(timespec="microseconds"),
    }
    return payload if name is None else payload | {"name": name}


def _event_type(event: DoorEvent) -> str | None:
    match event.outcome:
        case "granted" | "denied":
            return event.outcome
        case "alarm" if event.reason == AlarmReason.DURESS:
            return SILENT_EVENT_TYPES[0]
        case "alarm":
            return ALARM_TYPES.get(AlarmReason(event.reason))
        case "notice":
            return NOTICE_TYPES.get(NoticeReason(event.reason))
        case _:
            return None
