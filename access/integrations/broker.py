"""`BrokerConnection`: one connection to an MQTT broker, which confirms every message or is thrown away.

MQTT 5, since its brokers say in the confirmation (PUBACK) whether they took a message; before, one that the
broker's access list forbids was confirmed like any other.
"""

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from access.integrations.secrets import read_secret
from models.errors import ConfigError, DeliveryError
from models.settings.integrations import MqttSettings

if TYPE_CHECKING:
    import paho.mqtt.client as paho

PORT, TLS_PORT = 1883, 8883
KEEPALIVE_S = 30
CONFIRM_S = 10.0
"""A broker that takes longer to connect or to confirm counts as gone."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message with QoS 1: it comes at least once.

    Attributes:
        topic: of the message.
        payload: text; an empty one that is retained removes what the broker keeps.
        retain: True for what the broker keeps for those who come later.
    """

    topic: str
    payload: str
    retain: bool = False


class BrokerConnection:
    """An open connection. After any failure it is closed for good, and what it had not sent yet is gone.

    A library that sends again by itself after the connection was lost would send old messages between new
    ones, and keep them all in memory while the broker is away.

    Args:
        settings: the broker.
        client_id: how it is called there; a second one of the same name ends the first.
        will: what the broker publishes when the connection breaks.
        watch: a topic to listen to.

    Raises:
        DeliveryError: the broker does not answer, or does not let us in.
        ConfigError: a certificate or the password cannot be read.
    """

    def __init__(self, settings: MqttSettings, client_id: str, will: Message, watch: str) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self._host, self._changed = settings.host or "", threading.Condition()
        self._connected: str | None = None  # "" for a connection, else why there is none
        self._confirmed: dict[int, str] = {}
        self._lost = False
        self._heard: list[str] = []
        self._watch = watch
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = CONFIRM_S
        self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if settings.user is not None:
            self._client.username_pw_set(settings.user, password_of(settings))
        if settings.tls:
            self._client.tls_set_context(tls_context(settings))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._connect(settings.port or (TLS_PORT if settings.tls else PORT))

    def _connect(self, port: int) -> None:
        try:
            self._client.connect(self._host, port, KEEPALIVE_S, clean_start=True)
        except (OSError, ValueError) as error:
            raise DeliveryError(
                f"the broker {self._host}:{port} does not answer ({error}): see whether it runs"
            ) from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected is not None or self._lost, CONFIRM_S)
        if self._connected != "":
            self.close()
            reason = self._connected or "no answer"
            raise DeliveryError(
                f"the broker {self._host}:{port} does not let us in ({reason}): check mqtt.user"
            )

    @property
    def lost(self) -> bool:
        """True once the connection is no more."""
        return self._lost

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages in order; when it returns the broker has confirmed them all.

        Raises:
            DeliveryError: it has not, and the connection is closed.
        """
        with self._changed:
            self._confirmed.clear()
        sent = [self._client.publish(each.topic, each.payload, 1, each.retain) for each in messages]
        numbers = {info.mid: each.topic for info, each in zip(sent, messages, strict=True)}
        with self._changed:
            self._changed.wait_for(lambda: self._lost or numbers.keys() <= self._confirmed.keys(), CONFIRM_S)
            missing = numbers.keys() - self._confirmed.keys()
            refused = {topic: self._confirmed.get(number) for number, topic in numbers.items()}
        if missing:
            self.close()
            raise DeliveryError(f"the broker {self._host} did not confirm {len(missing)} messages")
        for topic, reason in refused.items():
            if reason:
                self.close()
                raise DeliveryError(f"the broker {self._host} refuses {topic} ({reason}): check its rights")

    def take_heard(self) -> list[str]:
        """What came on the watched topic since the last call."""
        with self._changed:
            heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        """End the connection; may be called twice. The broker then publishes no will."""
        self._client.disconnect()
        self._client.loop_stop()
        self._lost = True

    def _on_connect(
        self, client: "paho.Client", _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if not reason.is_failure:
            client.subscribe(self._watch, qos=1)
        with self._changed:
            self._connected = str(reason) if reason.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def _on_publish(self, _client: Any, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        with self._changed:
            self._confirmed[number] = str(reason) if reason.is_failure else ""
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: "paho.MQTTMessage") -> None:
        with self._changed:
            self._heard = [*self._heard[-9:], message.payload.decode(errors="replace")]


def check_secrets(settings: MqttSettings) -> None:
    """Find out before the first connection whether they can be read. Raises ConfigError."""
    password_of(settings)
    tls_context(settings)


def password_of(settings: MqttSettings) -> str | None:
    """The password; None where there is none. Raises ConfigError."""
    if settings.password_file is not None:
        return read_secret(settings.password_file)
    return None if settings.password is None else settings.password.get_secret_value()


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """Checks the broker's certificate and name. Raises ConfigError."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ConfigError(f"the certificates {settings.ca_file} cannot be read: {error}") from error
