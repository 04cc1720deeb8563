"""`MqttRelay`: a relay at a real MQTT broker, and `Proxy`, a connection to the broker that can be cut."""

import os
import select
import socket
import threading
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

BROKER = ("127.0.0.1", 1883)


def need_broker() -> None:
    """Skip with a reason where no broker listens, fail where it is required."""
    try:
        socket.create_connection(BROKER, 2.0).close()
    except OSError:
        if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
            pytest.fail("DOORWARD_REQUIRE_SERVICES is set, but no MQTT broker listens at 127.0.0.1:1883")
        pytest.skip("no MQTT broker at 127.0.0.1:1883: start mosquitto to run this test")


class MqttRelay:
    """Takes ON and OFF at `TOPIC/set` and says its state at `TOPIC/state`; its last will is `offline`."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.on = False
        self.stuck = False
        self.late_s = 0.0
        self.orders: list[tuple[str, bool]] = []
        self._waits = threading.Event()
        self._client: mqtt.Client | None = None

    def start(self) -> None:
        """Come to the broker; orders of QoS 1 that it kept for this client are delivered."""
        ready = threading.Event()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"relay-{self.topic.replace('/', '-')}",
            clean_session=False,
        )
        client.will_set(f"{self.topic}/online", "offline", qos=1, retain=True)
        client.on_message = self._on_message
        client.on_connect = lambda *_: client.subscribe(f"{self.topic}/set", qos=1)
        client.on_subscribe = lambda *_: ready.set()
        client.connect(*BROKER, keepalive=5)
        client.loop_start()
        assert ready.wait(10.0)
        self._client = client
        self.say("online", "online", retain=True)

    def say(self, what: str, payload: str, *, retain: bool) -> None:
        assert self._client is not None
        self._client.publish(f"{self.topic}/{what}", payload, qos=1, retain=retain).wait_for_publish(10.0)

    def vanish(self) -> None:
        """Lose the connection without a word; the broker sends the last will."""
        if self._client is not None:
            sock = self._client.socket()
            self._client._reconnect_on_failure = False
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._client.loop_stop()
            self._client = None

    def close(self) -> None:
        """Leave, and leave nothing behind at the broker."""
        if self._client is None:
            self.start()
        assert self._client is not None
        for what in ("state", "online", "contact"):
            self.say(what, "", retain=True)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        order = message.payload.decode()
        self.orders.append((order, message.retain))
        if not self.stuck:
            self.on = order.startswith("ON")
        if self.late_s:
            self._waits.wait(self.late_s)
        client.publish(f"{self.topic}/state", "ON" if self.on else "OFF", qos=1, retain=True)


class Proxy:
    """Passes bytes between its own port and the broker until it is cut."""

    def __init__(self) -> None:
        self.port = 0
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, self._ends), name="mqtt-proxy")
        self._thread.start()

    def cut(self) -> None:
        if self._thread is not None:
            self._ends.set()
            self._thread.join(10.0)
            self._thread = None

    @staticmethod
    def _run(listener: socket.socket, ends: threading.Event) -> None:
        other: dict[socket.socket, socket.socket] = {}
        while not ends.is_set():
            for ready in select.select([listener, *other], [], [], 0.02)[0]:
                if ready is listener:
                    inner, outer = listener.accept()[0], socket.create_connection(BROKER, 5.0)
                    other[inner], other[outer] = outer, inner
                elif ready in other:
                    try:
                        data = ready.recv(65536)
                    except OSError:
                        data = b""
                    if data:
                        with suppress(OSError):
                            other[ready].sendall(data)
                    else:
                        for each in (ready, other.pop(ready)):
                            other.pop(each, None)
                            each.close()
        for each in (listener, *other):
            each.close()
