"""`MqttReceiver`: publishes events and the state of doors to an MQTT broker; `forget_door` removes a door."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from access.door_report import DoorReport
from access.integrations import home_assistant
from access.integrations.broker import BrokerConnection, Message, check_secrets
from access.integrations.home_assistant import DoorTopics
from access.integrations.payload import NAMES_NOBODY, NameOf, event_payload
from access.integrations.source import EventSource, door_of, is_silent
from models.errors import DeliveryError
from models.events import DoorEvent, EventKind
from models.ports import Clock
from models.settings.integrations import MqttSettings

CHECKPOINTS_EVERY_S = 10.0
FRESH = timedelta(seconds=60)
"""An event that is older is no longer published as something that happens now."""


class DoorStates(Protocol):
    """How the doors of this machine stand."""

    def read(self) -> Mapping[str, DoorReport | None]:
        """By door; None where nothing is known now."""
        ...


class MqttReceiver:
    """Publishes to one broker. For one thread.

    Args:
        settings: the broker; `settings.host` is given.
        site: its name in topics.
        door: of this machine, which tells its connection from those of other machines.
        source: of checkpoints.
        doors: how the doors stand.
        name_of: names of people; used only where the settings want names sent.
        clock: for the age of events.

    Raises:
        ConfigError: a certificate or the password cannot be read.
    """

    name = "mqtt"
    batch = 20
    """Messages that the broker may have to confirm at a time, as the library limits them."""

    def __init__(
        self,
        settings: MqttSettings,
        site: str,
        door: str,
        *,
        source: EventSource,
        doors: DoorStates,
        name_of: NameOf,
        clock: Clock,
    ) -> None:
        self.silent, self.history = settings.silent, settings.history
        self._settings, self._site, self._door = settings, site, door
        self._source, self._doors, self._clock = source, doors, clock
        self._name_of = name_of if settings.publish_names else None
        check_secrets(settings)
        self._sync_topic = DoorTopics(site, door)["sync"]
        self._connection: BrokerConnection | None = None
        self._retained: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._checkpoints: dict[str, str] = {}
        self._checkpoints_due_s = 0.0

    def refresh(self) -> None:
        """Connect if need be, and publish what has changed since: announcements, states, checkpoints.

        Raises:
            DeliveryError: the broker does not take it.
            RegisterError: the checkpoints cannot be read.
        """
        connection = self._connect()
        if "online" in connection.take_heard():
            self._retained.clear()  # Home Assistant has started and may have forgotten what it heard
        now_s = self._clock.monotonic_s()
        if now_s >= self._checkpoints_due_s:
            self._checkpoints = checkpoints_by_topic(self._source.checkpoints(), self._site, self.silent)
            self._checkpoints_due_s = now_s + CHECKPOINTS_EVERY_S
        wanted: dict[str, str] = {}
        for door, status in self._doors.read().items():
            topics = DoorTopics(self._site, door)
            if self._settings.discovery:
                announced = home_assistant.discovery(topics, self._sync_topic, silent=self.silent)
                wanted[topics.discovery] = json.dumps(announced, separators=(",", ":"))
            wanted |= home_assistant.states(topics, status)
        # Last, so that nobody sees the states of yesterday as those of today.
        self._retain(wanted | self._checkpoints | self._reasons | {self._sync_topic: "online"})

    def deliver(self, chain: str, events: Sequence[DoorEvent]) -> None:
        """Publish events in order. Raises DeliveryError."""
        topics = DoorTopics(self._site, door_of(chain))
        self._publish([message for event in events for message in self._messages(topics, chain, event)])
        decisions = [event for event in events if event.kind is EventKind.DECISION and not event.silent]
        if decisions:
            self._reasons[topics["reason"]] = str(decisions[-1].reason)
            self._retain(self._reasons)

    def close(self) -> None:
        """Tell the broker that nothing comes any more."""
        if self._connection is None:
            return
        # Where this fails the broker says so itself: the connection's will.
        with suppress(DeliveryError):
            self._connection.publish([Message(self._sync_topic, "offline", retain=True)])
        self._drop()

    def _messages(self, topics: DoorTopics, chain: str, event: DoorEvent) -> Iterable[Message]:
        payload = event_payload(event, chain, self._site, self._name_of)
        folder = "silent/" if event.silent or is_silent(chain) else ""
        yield Message(topics[f"{folder}events"], json.dumps(payload, separators=(",", ":"), allow_nan=False))
        if self._clock.now() - event.at > FRESH:
            return
        person = None if event.outcome in NAMES_NOBODY else event.person_id
        name = None if person is None or self._name_of is None else self._name_of(person)
        happening = home_assistant.access_payload(event, name)
        if happening is not None:
            yield Message(topics[f"{folder}access"], json.dumps(happening, separators=(",", ":")))

    def _retain(self, wanted: Mapping[str, str]) -> None:
        """Publish those retained messages that the broker does not hold yet."""
        changed = {topic: text for topic, text in wanted.items() if self._retained.get(topic) != text}
        messages = [Message(topic, text, retain=True) for topic, text in changed.items()]
        for start in range(0, len(messages), self.batch):
            self._publish(messages[start : start + self.batch])
        self._retained |= changed

    def _publish(self, messages: Sequence[Message]) -> None:
        connection = self._connect()
        try:
            connection.publish(messages)
        except DeliveryError:
            self._drop()
            raise

    def _connect(self) -> BrokerConnection:
        if self._connection is not None and self._connection.lost:
            self._drop()
        if self._connection is None:
            self._connection = connect(self._settings, self._site, self._door)
            # The broker may have been started anew, without what it held.
            self._retained.clear()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def connect(settings: MqttSettings, site: str, door: str) -> BrokerConnection:
    """Connect as the `doorward sync` of a machine, with its last will. Raises DeliveryError, ConfigError."""
    will = Message(DoorTopics(site, door)["sync"], "offline", retain=True)
    return BrokerConnection(settings, f"doorward-{site}-{door}", will, home_assistant.STATUS_TOPIC)


def forget_door(settings: MqttSettings, site: str, door: str) -> None:
    """Remove everything that the broker keeps of a door; Home Assistant then removes its device.

    Raises:
        DeliveryError: the broker does not take it.
        ConfigError: a certificate or the password cannot be read.
    """
    topics = [*DoorTopics(site, door).retained(), DoorTopics(site, door)["sync"]]
    connection = connect(settings, site, door)
    try:
        connection.publish([Message(topic, "", retain=True) for topic in topics])
    finally:
        connection.close()


def checkpoints_by_topic(checkpoints: Iterable[str], site: str, silent: bool) -> dict[str, str]:
    """The newest checkpoints by topic; that of a silent chain would show that something silent happened."""
    found = {}
    for text in checkpoints:
        # The first line of a signed note is its origin: doorward/SITE/CHAIN.
        chain = text.split("\n", 1)[0].split("/", 2)[-1]
        if silent or not is_silent(chain):
            found[DoorTopics(site, chain)["checkpoint"]] = text
    return found
