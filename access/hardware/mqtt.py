"""`MqttBoard`: a relay that is switched through an MQTT broker, by paho.

No order may wait for a relay that is away: nothing is sent without a connection, a connection that was lost
is replaced by a new one, which knows no old orders, and the broker drops an order that it cannot deliver.
"""

import math
import threading
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from access.hardware.relay import ANSWER_S
from models.domain import Contact, DoorInputs
from models.errors import LockError
from models.ports import Clock
from models.settings.lock import MqttLockSettings

KEEPALIVE_S = 1
EXPIRY_S = 1
RECONNECT_S = 0.5
QOS = 1
CONTACTS = {b"open": Contact.OPEN, b"closed": Contact.CLOSED}


class MqttBoard:
    """A relay with a topic for orders and one for its state, which it sends after every order.

    Args:
        settings: broker, topics and payloads.
        clock: when to try a lost connection again.
        answer_s: how long to wait for an answer, in seconds.
    """

    pause_s = 0.0

    def __init__(self, settings: MqttLockSettings, clock: Clock, *, answer_s: float = ANSWER_S) -> None:
        self._settings, self._clock, self._answer_s = settings, clock, answer_s
        self._connection: _Connection | None = None
        self._tried_s = -math.inf
        self._contact = Contact.NONE

    def switch_on(self, seconds: float) -> None:
        """Order the relay on, and wait until it says so. Raises LockError."""
        payload = self._settings.unlock_payload.replace("{seconds}", str(math.ceil(seconds)))
        self._connected().order(payload, on=True)

    def switch_off(self) -> None:
        """Order the relay off, and wait until it says so. Raises LockError."""
        self._connected().order(self._settings.lock_payload, on=False)

    def is_on(self) -> bool:
        """What the relay said last, on this connection. Raises LockError when it is not there."""
        return self._connected().is_on()

    def inputs(self) -> DoorInputs:
        """What the contact said last. Raises LockError without a connection."""
        self._contact = self._connected().contact
        return DoorInputs(contact=self._contact)

    def close(self) -> None:
        """Leave the broker."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> "_Connection":
        if self._connection is not None and self._connection.alive:
            return self._connection
        self.close()
        now = self._clock.monotonic_s()
        if now - self._tried_s < RECONNECT_S:
            raise LockError("the MQTT broker is not connected: check it, the network and lock.broker")
        self._tried_s = now
        connection = _Connection(self._settings, self._answer_s, self._contact)
        connection.open()
        self._connection = connection
        return connection


class _Connection:
    """One connection, from its beginning to its end. paho calls `_on_...` from a thread of its own."""

    def __init__(self, settings: MqttLockSettings, answer_s: float, contact: Contact) -> None:
        self._settings, self._answer_s = settings, answer_s
        self._changed = threading.Condition()
        self._subscribed = False
        self._lost = ""
        self._available = settings.availability_topic is None
        self._on: bool | None = None
        self._said = 0
        # Known from the connection before: a door is not closed because the broker was away.
        self.contact = contact
        parts = urlsplit(settings.broker)
        self._host = parts.hostname or ""
        secure = parts.scheme == "mqtts"
        self._port = parts.port or (8883 if secure else 1883)
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        if parts.username is not None:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if secure:
            self._client.tls_set()
        self._client.connect_timeout = answer_s
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def alive(self) -> bool:
        """True while the broker is connected and has taken the subscriptions."""
        return self._subscribed and not self._lost

    def open(self) -> None:
        """Connect and subscribe. Raises LockError when that takes too long or is refused."""
        try:
            self._client.connect(self._host, self._port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise self._error(str(error)) from error
        self._client.loop_start()
        with self._changed:
            if (
                self._changed.wait_for(lambda: self._subscribed or self._lost, self._answer_s)
                and not self._lost
            ):
                return
        reason = self._lost or "no answer"
        self.close()
        raise self._error(reason)

    def order(self, payload: str, *, on: bool) -> None:
        """Send an order and wait until the relay says that it is `on` or off. Raises LockError."""
        expiring = Properties(PacketTypes.PUBLISH)
        expiring.MessageExpiryInterval = EXPIRY_S
        with self._changed:
            before = self._said
            self._client.publish(
                self._settings.command_topic, payload, qos=QOS, retain=False, properties=expiring
            )
            self._on = None  # in doubt until the relay speaks again
            if not self._changed.wait_for(lambda: self._said > before and self._on is on, self._answer_s):
                raise LockError(
                    "the relay does not say that it has obeyed: check its power, lock.command_topic and "
                    "lock.state_topic"
                )

    def is_on(self) -> bool:
        """What the relay said last. Raises LockError when it has said nothing since, or is away."""
        with self._changed:
            if not self._available or self._on is None:
                raise LockError("the relay does not say how it stands: check its power and its topics")
            return self._on

    def close(self) -> None:
        """Leave the broker and end paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _error(self, reason: str) -> LockError:
        return LockError(
            f"the MQTT broker at {self._host}:{self._port} does not answer ({reason}): check it, the network "
            "and lock.broker"
        )

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self._end(str(reason))
            return
        settings = self._settings
        topics = [settings.state_topic, settings.availability_topic, settings.contact_topic]
        client.subscribe([(topic, QOS) for topic in topics if topic is not None])

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _props: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._end("a topic is refused")
            return
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        self._end(str(reason))

    def _end(self, reason: str) -> None:
        with self._changed:
            self._lost = self._lost or reason
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        settings, payload = self._settings, bytes(message.payload)
        with self._changed:
            if message.topic == settings.availability_topic:
                self._available = payload == settings.online_payload.encode()
                if not self._available:
                    self._on = None
            elif message.topic == settings.contact_topic:
                self.contact = CONTACTS.get(payload.strip().lower(), self.contact)
            elif message.topic == settings.state_topic and not message.retain:
                # A retained state is what the relay said once: it may be dead since.
                self._said += 1
                self._on = {
                    settings.unlocked_payload.encode(): True,
                    settings.locked_payload.encode(): False,
                }.get(payload)
            self._changed.notify_all()
