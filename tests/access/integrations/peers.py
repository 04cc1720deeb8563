"""The other side, for tests: a broker, its subscribers, a receiver of webhooks, chains in a SQLite file."""

import base64
import hashlib
import json
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from models.events import DoorEvent

WAIT_S = 120.0
KEY_BYTES = b"thirty-two bytes for the tests .."
KEY = "whsec_" + base64.b64encode(KEY_BYTES).decode()
OLD_KEY_BYTES = b"the key that was used before this"
OLD_KEY = "whsec_" + base64.b64encode(OLD_KEY_BYTES).decode()


def wait_until(true: Callable[[], object], what: str = "") -> None:
    """Wait for something that another thread or process does."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, what or "it did not happen in time"
        time.sleep(0.01)


class Mosquitto:
    """A broker on a free port, with more lines of configuration."""

    def __init__(self, program: str, folder: Path, *, listener: str = "", more: str = "") -> None:
        folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        access = "" if "allow_anonymous" in more else "allow_anonymous true\n"
        self._config.write_text(
            f"user root\npersistence false\nlistener {self.port} 127.0.0.1\n{listener}{access}{more}"
        )
        self._program = program
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens, "the broker does not listen")

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the broker has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(WAIT_S)
            self.process = None


@dataclass
class Heard:
    topic: str
    payload: str
    retained: bool


class Subscriber:
    """Hears of everything that a broker passes on, by another connection than the one that is tested."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.heard: list[Heard] = []
        self._topic, self._ready = topic, threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            Heard(message.topic, message.payload.decode(), bool(message.retain))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def on(self, topic: str) -> list[str]:
        return [each.payload for each in list(self.heard) if each.topic == topic]

    def latest(self, topic: str) -> str | None:
        return self.on(topic)[-1] if self.on(topic) else None

    def sequence(self, topic: str) -> list[int]:
        return [json.loads(payload)["seq"] for payload in self.on(topic)]


@dataclass
class Hook:
    headers: Mapping[str, str]
    body: bytes
    fits: list[bool] = field(default_factory=list)

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def signature_by_hand(key: bytes, identifier: str, timestamp: str, body: bytes) -> str:
    """HMAC of RFC 2104, written out: the inner and the outer hash."""
    block = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + f"{identifier}.{timestamp}.".encode() + body)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner.digest())
    return "v1," + base64.b64encode(outer.digest()).decode()


class HookServer:
    """Receives webhooks, and answers what `answer` says."""

    def __init__(self, context: ssl.SSLContext | None = None, keys: tuple[bytes, ...] = (KEY_BYTES,)) -> None:
        self.hooks: list[Hook] = []
        self.answer: Callable[[Hook], int] = lambda _hook: 204
        self.location = ""
        self._keys = keys
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook = server._received(dict(self.headers), body)
                status = server.answer(hook)
                if status == 0:  # hang up without a word
                    self.close_connection = True
                    return
                if status < 300:
                    server.hooks.append(hook)
                self.send_response(status)
                if server.location:
                    self.send_header("Location", server.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def _received(self, headers: dict[str, str], body: bytes) -> Hook:
        given = {name.lower(): value for name, value in headers.items()}
        offered = given["webhook-signature"].split(" ")
        wanted = [
            signature_by_hand(key, given["webhook-id"], given["webhook-timestamp"], body)
            for key in self._keys
        ]
        return Hook(given, body, [each in offered for each in wanted])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    def sequence(self, chain: str = "front") -> list[int]:
        found = [hook.record["data"] for hook in list(self.hooks)]
        return [data["seq"] for data in found if data["chain"] == chain]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class SqliteSource:
    """Chains in a file that outlives a killed process; written for tests, apart from the register."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS e (chain, seq, record, PRIMARY KEY (chain, seq))")
        self._db.execute("CREATE TABLE IF NOT EXISTS a (receiver, chain, seq, PRIMARY KEY (receiver, chain))")

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def append(self, event: DoorEvent) -> None:
        chain = event.door + ("/silent" if event.silent else "")
        ((last,),) = self._rows("SELECT coalesce(max(seq), 0) FROM e WHERE chain = ?", chain)
        record = json.dumps(event.to_record() | {"seq": last + 1})
        self._rows("INSERT INTO e VALUES (?, ?, ?)", chain, last + 1, record)

    def chains(self) -> list[str]:
        return [chain for (chain,) in self._rows("SELECT DISTINCT chain FROM e ORDER BY chain")]

    def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
        query = "SELECT record FROM e WHERE chain = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [
            DoorEvent.from_record(json.loads(text)) for (text,) in self._rows(query, chain, after_seq, limit)
        ]

    def acknowledge(self, receiver: str, chain: str, seq: int) -> None:
        self._rows("INSERT OR REPLACE INTO a VALUES (?, ?, ?)", receiver, chain, seq)

    def acknowledged(self, receiver: str) -> Mapping[str, int]:
        return dict(self._rows("SELECT chain, seq FROM a WHERE receiver = ?", receiver))

    def checkpoints(self) -> list[str]:
        return []

    def close(self) -> None:
        self._db.close()
