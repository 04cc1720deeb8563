"""`metrics_running`: answers `/metrics` and `/healthz` beside a door, to programs on this machine alone.

A door does not depend on it: requests are read in threads of their own, of which there are few, and each has
a time and a size that it cannot exceed.
"""

import io
import json
import socket
import socketserver
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from access.health import Health
from access.metrics import KioskMetrics, Readings
from models.errors import ConfigError
from models.ports import Clock
from models.settings.metrics import OFF, SOCKET, tcp_address
from models.settings.settings import Settings

THREADS = 4
"""So many requests at once; one more is closed without an answer."""

DEADLINE_S = 2.0
"""So long a client may take to ask, and again to take the answer."""

MAX_HEAD_BYTES = 8192
MAX_SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket in Linux (unix(7))."""

log = structlog.get_logger(__name__)


@contextmanager
def metrics_running(settings: Settings, clock: Clock, readings: Readings) -> Iterator[KioskMetrics]:
    """The door's metrics, served while inside, where `metrics.listen` says.

    Where the home's path is too long for a socket a warning says so, and the door does without.

    Args:
        settings: of this door.
        clock: the one that stamps the frames.
        readings: what is looked up at each request.

    Raises:
        ConfigError: the address is taken, or the socket's file cannot be made.
    """
    metrics = KioskMetrics(settings.door.id, clock, readings)
    if settings.metrics.listen == OFF or _too_long(settings):
        yield metrics
        return
    server = open_server(settings, metrics, Health(metrics, readings, clock))
    with closing(server):
        yield metrics


def socket_path(settings: Settings) -> Path:
    """The file of the Unix socket of this door."""
    return settings.home / f"kiosk-{settings.door.id}.metrics.sock"


def _too_long(settings: Settings) -> bool:
    """Warn of a socket's path that Linux does not allow; True when there is one."""
    path = socket_path(settings)
    too_long = settings.metrics.listen == SOCKET and len(str(path).encode()) > MAX_SOCKET_PATH_BYTES
    if too_long:
        log.warning(
            "the door's figures are not served: the home's path is too long for a socket",
            advice="set metrics.listen to an address such as 127.0.0.1:9464, or to off",
        )
    return too_long


def open_server(settings: Settings, metrics: KioskMetrics, health: Health) -> "MetricsServer":
    """A server that answers until it is closed. Raises ConfigError."""
    listen = settings.metrics.listen
    try:
        if listen == SOCKET:
            return MetricsServer(_unix_socket(socket_path(settings)), metrics, health, socket_path(settings))
        address = tcp_address(listen)
        assert address is not None, "it was checked when the settings were read"  # noqa: S101
        return MetricsServer(socket.create_server(address, family=_family(address[0])), metrics, health)
    except OSError as error:
        raise ConfigError(
            f"the door's figures cannot be served at metrics.listen = {listen} ({error.strerror}): is the "
            "address taken? Write another one, or off"
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _unix_socket(path: Path) -> socket.socket:
    """A listening socket that only this user may connect to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
        path.unlink()  # of a kiosk that was killed: no other one of this door runs now
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # before it listens: until then nobody can connect
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


class MetricsServer(socketserver.BaseServer):
    """Answers on a listening socket, in a thread that accepts and at most `THREADS` that answer.

    Args:
        listener: a listening stream socket; the server owns it from now on.
        metrics, health: what is answered.
        path: the socket's file, removed at the end; None for TCP.
    """

    def __init__(
        self, listener: socket.socket, metrics: KioskMetrics, health: Health, path: Path | None = None
    ) -> None:
        super().__init__(listener.getsockname(), _handler(metrics, health))
        self._listener, self._path = listener, path
        self._free = threading.BoundedSemaphore(THREADS)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="metrics")
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics-accept", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; requests under way have their time."""
        self.shutdown()
        self._thread.join()
        self._listener.close()
        self._pool.shutdown()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def fileno(self) -> int:
        """The listening socket's number, for the base class."""
        return self._listener.fileno()

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        return self._listener.accept()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client: object) -> None:
        """Answer in a thread that is free; without one close the connection."""
        assert isinstance(request, socket.socket), "datagrams are not served"  # noqa: S101
        if not self._free.acquire(blocking=False):
            request.close()
            return
        try:
            self._pool.submit(self._answer, request, client)
        except RuntimeError as error:  # the system gives no further thread
            log.warning("the door's figures cannot be given", error=str(error))
            self._free.release()
            request.close()

    def _answer(self, request: socket.socket, client_address: object) -> None:
        try:
            with request:
                self.finish_request(request, client_address)
        except OSError as error:
            log.debug("a client of the metrics has gone", error=str(error))
        except Exception as error:  # noqa: BLE001 - the door goes on without its figures
            log.error("the door's figures cannot be given", error=repr(error))
        finally:
            self._free.release()


def _handler(metrics: KioskMetrics, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            super().setup()
            self.rfile = io.BufferedReader(io.BytesIO(_read_head(self.request)))
            self.request.settimeout(DEADLINE_S)

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._send(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, metrics.render())
            elif path == "/healthz":
                healthy, record = health.record()
                status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
                self._send(status, "application/json", json.dumps(record).encode() + b"\n")
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is /metrics and /healthz\n")

        def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "doorward"

        def log_message(self, *args: object) -> None:
            """A request is nothing to log: a door is asked every few seconds."""

    return Handler


def _read_head(request: socket.socket) -> bytes:
    """What a client asks, up to the empty line; nothing when it ends before it, or is too long.

    Raises:
        OSError: the client has gone, or its time is up.
    """
    ends_s, head = time.monotonic() + DEADLINE_S, b""
    while len(head) < MAX_HEAD_BYTES:
        request.settimeout(max(0.001, ends_s - time.monotonic()))
        data = request.recv(4096)
        head += data
        if b"\r\n\r\n" in head:
            return head
        if not data:
            break
    return b""
