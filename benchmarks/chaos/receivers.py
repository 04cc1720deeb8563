"""`Subscriber`, `HookServer`: the far ends, which keep what arrives, in order."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

CONNECT_S = 60.0


class Received:
    """What one receiver got.

    Attributes:
        name: of the receiver, as the register keeps it.
        silent: True for the receiver of alarms.
        events: the payloads in order of arrival.
        notes: checkpoints.
        folders: topics of events, without site and door.
    """

    def __init__(self, name: str, *, silent: bool) -> None:
        self.name, self.silent = name, silent
        self.events: list[dict[str, Any]] = []
        self.notes: set[str] = set()
        self.folders: set[str] = set()


class Subscriber:
    """Listens to everything on a broker; the broker keeps for it what comes while it is away."""

    def __init__(self, port: int) -> None:
        self.received = Received("mqtt", silent=False)
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="chaos", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("doorward/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not self._subscribed.wait(CONNECT_S):
            raise TimeoutError("the broker does not answer")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        name = message.topic.split("/", 3)[-1]
        if name.endswith("events"):
            self.received.folders.add(name)
            self.received.events.append(json.loads(message.payload))
        elif name.endswith("checkpoint") and message.payload:
            self.received.notes.add(message.payload.decode())


class HookServer:
    """Receives webhooks; while `failing` it refuses or hangs up.

    Attributes:
        ordinary, alarms: what the two receivers got, by the path of the address.
        failing: a status to answer, 0 to hang up without a word; None while it is well.
    """

    def __init__(self) -> None:
        self.ordinary = Received("webhook:ordinary", silent=False)
        self.alarms = Received("webhook:alarms", silent=True)
        self.failing: int | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 204 if server.failing is None else server.failing
                # Sometimes what was refused was taken in fact: then it comes twice.
                if status == 204 or (status == 0 and len(body) % 2):
                    received = server.alarms if self.path == "/alarms" else server.ordinary
                    received.events.append(json.loads(body)["data"])
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
