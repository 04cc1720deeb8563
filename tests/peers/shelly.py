"""`ShellyPeer`: what a lock uses of a Shelly relay's RPC, with HTTP digest authentication (RFC 7616)."""

import hashlib
import json
import secrets
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

REALM = "shellyplus1-0123456789ab"


class ShellyPeer:
    """A relay with two inputs and a timer of its own. `stuck`, `late_s` and `scheme` are faults to set."""

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.on = False
        self.off_at_s: float | None = None
        self.inputs = [False, False]
        self.stuck = False
        self.late_s = 0.0
        self.algorithm = "SHA-256"
        self.nonces: dict[str, set[str]] = {}
        self.refused = 0
        self.requests: list[str] = []
        self.guard = threading.Lock()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_GET(self) -> None:
                peer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def get_request(self) -> Any:
                request = super().get_request()
                peer.connections.append(request[0])
                return request

            def handle_error(self, *_: Any) -> None:
                pass

        self.connections: list[Any] = []
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="shelly-peer")
        self._thread.start()

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10.0)
        self._server = None

    def is_on(self) -> bool:
        if not self.stuck and self.off_at_s is not None and time.monotonic() >= self.off_at_s:
            self.on, self.off_at_s = False, None
        return self.on

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.late_s:
            time.sleep(self.late_s)
        with self.guard:
            if self.password and not self._authorised(request):
                self._challenge(request)
                return
            self.requests.append(request.path)
            status, body = self._call(request.path)
        self._reply(request, status, body)

    def _call(self, path: str) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/rpc/Switch.Set" and given["id"] == "0":
            was_on = self.is_on()
            if not self.stuck:
                self.on = given["on"] == "true"
                after = given.get("toggle_after")
                self.off_at_s = None if after is None else time.monotonic() + float(after)
            return 200, {"was_on": was_on}
        if parts.path == "/rpc/Switch.GetStatus" and given["id"] == "0":
            return 200, {"id": 0, "source": "HTTP_in", "output": self.is_on()}
        if parts.path == "/rpc/Input.GetStatus" and int(given["id"]) < 2:
            return 200, {"id": int(given["id"]), "state": self.inputs[int(given["id"])]}
        return 404, {"code": -105, "message": "Argument 'id', value not found!"}

    def _authorised(self, request: BaseHTTPRequestHandler) -> bool:
        header = request.headers.get("Authorization", "")
        if not header.startswith("Digest "):
            return False
        given = parse_keqv_list(parse_http_list(header.removeprefix("Digest ")))
        used = self.nonces.get(given.get("nonce", ""))
        first = hashlib.sha256(f"admin:{REALM}:{self.password}".encode()).hexdigest()
        second = hashlib.sha256(f"GET:{request.path}".encode()).hexdigest()
        fields = [given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        expected = hashlib.sha256(":".join([first, *fields, second]).encode()).hexdigest()
        good = (
            used is not None
            and given.get("nc", "") not in used
            and given.get("username") == "admin"
            and given.get("uri") == request.path
            and given.get("response") == expected
        )
        if good and used is not None:
            used.add(given["nc"])
        else:
            self.refused += 1
        return good

    def _challenge(self, request: BaseHTTPRequestHandler) -> None:
        nonce = secrets.token_hex(8)
        self.nonces[nonce] = set()
        challenge = f'Digest qop="auth", realm="{REALM}", nonce="{nonce}", algorithm={self.algorithm}'
        self._reply(request, 401, None, {"WWW-Authenticate": challenge})

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
