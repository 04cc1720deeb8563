"""MQTT against a real Mosquitto: order, confirmation, what is kept, who hears what, a broker that goes."""

import base64
import hashlib
import json
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from access.door_report import DoorReport
from access.integrations import broker as broker_module
from access.integrations.home_assistant import DoorTopics
from access.integrations.mqtt import MqttReceiver, checkpoints_by_topic, forget_door
from access.integrations.outbox import LONGEST_RETRY_S, Outbox
from access.integrations.source import MemorySource
from models.clock import SimulatedClock
from models.domain import Contact, DoorInputs, LockState, PersonId
from models.errors import ConfigError, DeliveryError
from models.events import AlarmReason
from models.settings.integrations import MqttSettings
from tests.access.integrations.certificates import certificate
from tests.access.integrations.peers import Mosquitto, Subscriber, wait_until
from tests.door_events import door_event

FRONT = DoorTopics("hq", "front")
ADA = PersonId("a" * 32)
LOCKED = DoorReport(LockState.LOCKED, DoorInputs(Contact.CLOSED))
UNLOCKED = DoorReport(LockState.UNLOCKED, DoorInputs(Contact.CLOSED))


class Doors:
    """How the doors stand, as a test says."""

    def __init__(self, **doors: DoorReport | None) -> None:
        self.doors = doors

    def read(self) -> dict[str, DoorReport | None]:
        return dict(self.doors)


class Site:
    """A machine with a door, its chains, and what sends them to a broker."""

    def __init__(self, port: int, **settings: Any) -> None:
        self.source, self.clock = MemorySource(), SimulatedClock()
        self.doors = Doors(front=LOCKED)
        self.settings = MqttSettings(**({"host": "127.0.0.1", "port": port, "history": True} | settings))
        self.receiver = self.new_receiver()
        self.outbox = Outbox(self.source, self.receiver, self.clock, threading.Event())

    def new_receiver(self) -> MqttReceiver:
        return MqttReceiver(
            self.settings,
            "hq",
            "front",
            source=self.source,
            doors=self.doors,
            name_of={ADA: "Ada"}.get,
            clock=self.clock,
        )

    def append(self, **fields: Any) -> None:
        self.source.append(door_event(**({"at": self.clock.now()} | fields)))

    def later(self) -> None:
        self.clock.sleep(LONGEST_RETRY_S)
        self.outbox.turn()


@pytest.fixture
def site(broker: Mosquitto) -> Iterator[Site]:
    site = Site(broker.port)
    yield site
    site.receiver.close()


def granted(person: PersonId = ADA) -> dict[str, Any]:
    return {"outcome": "granted", "reason": "recognised", "person_id": person}


def test_events_come_in_order_and_are_acknowledged(broker: Mosquitto, site: Site) -> None:
    for _ in range(50):
        site.append()
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: len(subscriber.on(FRONT["events"])) >= 50)
        assert subscriber.sequence(FRONT["events"]) == list(range(1, 51))
        assert subscriber.sequence(FRONT["access"]) == list(range(1, 51))
    assert site.source.acknowledged("mqtt")["front"] == 50


def test_a_late_subscriber_finds_the_states_and_no_old_event(broker: Mosquitto, site: Site) -> None:
    site.source.set_checkpoint("front", "doorward/hq/front\n1\nAAAA\n\n- signature\n")
    site.append(**granted())
    with Subscriber(broker.port) as early:
        site.outbox.turn()
        site.outbox.turn()
        wait_until(lambda: early.on(FRONT["access"]) and early.on(FRONT["reason"]))
    with Subscriber(broker.port) as late:
        wait_until(lambda: late.on(FRONT["reason"]))
        found = {each.topic: each for each in late.heard}
    assert all(each.retained for each in late.heard)
    assert found.keys() == {
        "homeassistant/device/doorward_hq_front/config",
        "doorward/hq/front/sync",
        "doorward/hq/front/availability",
        "doorward/hq/front/lock",
        "doorward/hq/front/lock/attributes",
        "doorward/hq/front/contact",
        "doorward/hq/front/problem",
        "doorward/hq/front/tamper",
        "doorward/hq/front/reason",
        "doorward/hq/front/checkpoint",
    }
    assert found[FRONT["lock"]].payload == "locked"
    assert found[FRONT["contact"]].payload == "OFF"
    assert found[FRONT["reason"]].payload == "recognised"
    assert found[FRONT["availability"]].payload == found[FRONT["sync"]].payload == "online"
    assert found[FRONT["checkpoint"]].payload.startswith("doorward/hq/front\n1\n")


def test_only_what_changed_is_published_again(broker: Mosquitto, site: Site) -> None:
    with Subscriber(broker.port) as subscriber:
        for status in (LOCKED, LOCKED, UNLOCKED, UNLOCKED, LOCKED, None):
            site.doors.doors["front"] = status
            site.outbox.turn()
        wait_until(lambda: subscriber.latest(FRONT["availability"]) == "offline")
        assert subscriber.on(FRONT["lock"]) == ["locked", "unlocked", "locked"]
        assert subscriber.on(FRONT["availability"]) == ["online", "offline"]
        assert subscriber.on(FRONT["contact"]) == ["OFF"]


def test_home_assistant_that_starts_is_told_everything_again(broker: Mosquitto, site: Site) -> None:
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: subscriber.on(FRONT["sync"]))
        subscriber.say("homeassistant/status", "offline")
        subscriber.say("homeassistant/status", "online")

        def told_again() -> bool:
            site.outbox.turn()
            return len(subscriber.on(FRONT.discovery)) == 2 and len(subscriber.on(FRONT["lock"])) == 2

        wait_until(told_again)


def test_without_discovery_nothing_is_announced(broker: Mosquitto) -> None:
    site = Site(broker.port, discovery=False)
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: subscriber.on(FRONT["sync"]))
        assert subscriber.on(FRONT.discovery) == []
    site.receiver.close()


@pytest.mark.parametrize("names", [False, True])
def test_names_are_published_only_where_they_are_wanted(broker: Mosquitto, names: bool) -> None:
    site = Site(broker.port, publish_names=names)
    site.append(**granted())
    site.append(person_id=ADA)
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: len(subscriber.on(FRONT["access"])) == 2)
    said = " ".join(each.payload for each in subscriber.heard)
    assert said.count('"Ada"') == (2 if names else 0), "in the event and in what Home Assistant shows"
    assert said.count(ADA) == 1, "a denial names nobody"
    site.receiver.close()


def test_an_old_event_does_not_happen_again_in_home_assistant(broker: Mosquitto, site: Site) -> None:
    for minutes in (60 * 24, 2, 0):
        site.append(at=site.clock.now() - timedelta(minutes=minutes))
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: len(subscriber.on(FRONT["events"])) == 3)
        wait_until(lambda: subscriber.on(FRONT["reason"]))
        assert subscriber.sequence(FRONT["access"]) == [3]


@pytest.mark.parametrize("silent", [False, True])
def test_only_the_receiver_of_alarms_hears_of_duress(broker: Mosquitto, silent: bool) -> None:
    site = Site(broker.port, silent=silent)
    site.source.set_checkpoint("front/silent", "doorward/hq/front/silent\n1\nAAAA\n\n- signature\n")
    site.append(outcome="alarm", reason=AlarmReason.DURESS, silent=True, track=None)
    site.append()
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: subscriber.on(FRONT["reason"]))
        if silent:
            wait_until(lambda: subscriber.on(FRONT["silent/access"]))
    topics = {each.topic for each in subscriber.heard if "silent" in each.topic or "duress" in each.payload}
    hidden = {FRONT["silent/access"], FRONT["silent/events"], FRONT["silent/checkpoint"], FRONT.discovery}
    assert topics == (hidden if silent else set())
    site.receiver.close()


def test_a_broker_that_is_away_for_a_day_loses_nothing_and_gets_the_states_again(
    broker: Mosquitto, site: Site
) -> None:
    site.append()
    site.outbox.turn()
    broker.stop()
    for _ in range(24):
        for _ in range(10):
            site.append()
        for _ in range(6):
            site.clock.sleep(600)
            site.outbox.turn()
    assert site.source.acknowledged("mqtt")["front"] == 1
    site.doors.doors["front"] = UNLOCKED
    broker.start()
    with Subscriber(broker.port) as subscriber:
        while site.source.acknowledged("mqtt")["front"] < 241:
            site.later()
        wait_until(lambda: len(subscriber.on(FRONT["events"])) >= 240)
        wait_until(lambda: subscriber.latest(FRONT["lock"]) == "unlocked")
        assert subscriber.sequence(FRONT["events"]) == list(range(2, 242))
        assert len(subscriber.on(FRONT.discovery)) == 1


def test_a_broker_that_does_not_confirm_has_not_taken_an_event(
    broker: Mosquitto, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "CONFIRM_S", 0.3)
    site.outbox.turn()
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    site.append()
    site.outbox.turn()
    assert site.source.acknowledged("mqtt").get("front", 0) == 0
    broker.process.send_signal(signal.SIGCONT)
    monkeypatch.undo()
    with Subscriber(broker.port) as subscriber:
        site.later()
        wait_until(lambda: subscriber.on(FRONT["events"]))
    assert site.source.acknowledged("mqtt")["front"] == 1


def test_the_broker_says_that_sync_is_gone_when_it_was_killed_and_sync_when_it_ends(
    broker: Mosquitto, site: Site
) -> None:
    site.outbox.turn()
    with Subscriber(broker.port) as subscriber:
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "online")
        site.receiver.close()
        site.receiver.close()
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "offline")
        site.outbox.turn()
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "online")
        connection = site.receiver._connection
        assert connection is not None
        socket = connection._client.socket()
        assert socket is not None
        socket.shutdown(2)  # as when the machine is switched off
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "offline")


def test_a_topic_that_the_broker_forbids_is_not_taken_for_delivered(mosquitto: str, tmp_path: Path) -> None:
    (tmp_path / "acl").write_text(
        "topic read #\ntopic write doorward/hq/front/#\ntopic write homeassistant/#\n"
    )
    broker = Mosquitto(mosquitto, tmp_path / "broker", more=f"acl_file {tmp_path / 'acl'}\n")
    broker.start()
    site = Site(broker.port)
    try:
        site.append()
        site.append(door="back")
        site.outbox.turn()
        site.later()
        assert site.source.acknowledged("mqtt").get("front", 0) == 1
        assert site.source.acknowledged("mqtt").get("back", 0) == 0
        site.receiver.refresh()
        with pytest.raises(DeliveryError, match=r"refuses doorward/hq/back/events"):
            site.receiver.deliver("back", site.source.chain_events("back", 0, 1))
    finally:
        site.receiver.close()
        broker.stop()


def passwords(mosquitto: str, folder: Path) -> Mosquitto:
    """A broker that lets in `doorward` with `hunter2` (PBKDF2-SHA512, as mosquitto_passwd writes it)."""
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", b"hunter2", salt, 101)
    line = f"doorward:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"
    (folder / "passwords").write_text(line)
    more = f"allow_anonymous false\npassword_file {folder / 'passwords'}\n"
    return Mosquitto(mosquitto, folder / "broker", more=more)


def test_the_broker_is_given_a_password_which_no_message_shows(mosquitto: str, tmp_path: Path) -> None:
    broker = passwords(mosquitto, tmp_path)
    broker.start()
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    try:
        for fields in ({"password": SecretStr("hunter2")}, {"password_file": secret}):
            site = Site(broker.port, user="doorward", **fields)
            site.receiver.refresh()
            site.receiver.close()
        for fields in ({}, {"user": "doorward", "password": SecretStr("hunter3")}):
            with pytest.raises(DeliveryError, match=r"does not let us in.*ot authorized") as refused:
                Site(broker.port, **fields).receiver.refresh()
            assert "hunter" not in str(refused.value)
    finally:
        broker.stop()
    with pytest.raises(ConfigError, match="cannot be read"):
        Site(1, user="doorward", password_file=tmp_path / "absent")


# The library leaves a socket whose handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_brokers_certificate_is_checked(mosquitto: str, tmp_path: Path) -> None:
    trusted, key = certificate(tmp_path, "trusted")
    stranger, _ = certificate(tmp_path, "stranger")
    broker = Mosquitto(mosquitto, tmp_path / "broker", listener=f"certfile {trusted}\nkeyfile {key}\n")
    broker.start()
    try:
        site = Site(broker.port, tls=True, ca_file=trusted)
        site.receiver.refresh()
        site.receiver.close()
        for fields in ({"ca_file": stranger}, {}):
            with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
                Site(broker.port, tls=True, **fields).receiver.refresh()
        with pytest.raises(ConfigError, match="certificates"):
            Site(broker.port, tls=True, ca_file=tmp_path / "absent")
    finally:
        broker.stop()


def test_a_forgotten_door_leaves_nothing_at_the_broker(broker: Mosquitto, site: Site) -> None:
    site.doors.doors["back"] = LOCKED
    site.append()
    site.outbox.turn()
    site.outbox.turn()
    site.receiver.close()
    for door in ("front", "back"):
        forget_door(site.settings, "hq", door)
    with Subscriber(broker.port) as late:
        late.say("doorward/end", "x")
        wait_until(lambda: late.on("doorward/end"))
        assert [each.topic for each in late.heard] == ["doorward/end"]


def test_a_checkpoint_is_published_when_it_is_new(broker: Mosquitto, site: Site) -> None:
    with Subscriber(broker.port) as subscriber:
        for size in (1, 1, 2):
            site.source.set_checkpoint("front", f"doorward/hq/front\n{size}\nAAAA\n")
            site.later()
        wait_until(lambda: len(subscriber.on(FRONT["checkpoint"])) == 2)
        assert [text.split("\n")[1] for text in subscriber.on(FRONT["checkpoint"])] == ["1", "2"]


def test_the_checkpoint_of_a_silent_chain_is_only_for_the_receiver_of_alarms() -> None:
    texts = ["doorward/hq/front\n1\n", "doorward/hq/front/silent\n1\n", "doorward/hq/site\n1\n"]
    seen = {"doorward/hq/front/checkpoint": texts[0], "doorward/hq/site/checkpoint": texts[2]}
    assert checkpoints_by_topic(texts, "hq", silent=False) == seen
    hidden = {"doorward/hq/front/silent/checkpoint": texts[1]}
    assert checkpoints_by_topic(texts, "hq", silent=True) == seen | hidden


def test_what_is_published_is_json(broker: Mosquitto, site: Site) -> None:
    site.append(detail='a "quoted" ë')
    with Subscriber(broker.port) as subscriber:
        site.outbox.turn()
        wait_until(lambda: subscriber.on(FRONT["events"]))
        assert json.loads(subscriber.on(FRONT["events"])[0])["detail"] == 'a "quoted" ë'
