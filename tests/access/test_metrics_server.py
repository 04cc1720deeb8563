"""The server of a door's metrics, asked over real sockets by clients that behave and by others."""

import http.client
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from access.hardware.simulated import SimulatedLock
from access.metrics import KioskMetrics, Readings
from access.metrics_server import DEADLINE_S, MAX_HEAD_BYTES, THREADS, metrics_running, socket_path
from models.clock import SystemClock
from models.errors import ConfigError
from models.settings.load import load_settings
from models.settings.metrics import MetricsSettings
from models.settings.settings import Settings

CLOCK = SystemClock()
SURE_S = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


@pytest.fixture
def readings() -> Iterator[Readings]:
    lock = SimulatedLock(CLOCK)
    yield Readings(lock, lambda: {"gallery": 1})
    lock.close()


@pytest.fixture
def running(home: Settings, readings: Readings) -> Iterator[KioskMetrics]:
    with metrics_running(home, CLOCK, readings) as metrics:
        yield metrics


def connect(home: Settings) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(SURE_S)
    client.connect(str(socket_path(home)))
    return client


def asked(client: socket.socket, path: str) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer."""
    with client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: door\r\n\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], answer.read()


def test_metrics_and_health_are_answered_on_a_socket_of_this_user(
    home: Settings, running: KioskMetrics
) -> None:
    path = socket_path(home)
    assert path == home.home / "kiosk-front.metrics.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, kind, body = asked(connect(home), "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'doorward_frames_total{door="front"} 0.0' in body
    status, kind, body = asked(connect(home), "/healthz")
    assert (status, kind) == (503, "application/json")
    assert json.loads(body)["checks"]["loop"] == {"ok": False, "detail": "no_picture_yet"}
    running.turn()
    status, _, body = asked(connect(home), "/healthz?from=probe")
    assert (status, json.loads(body)["healthy"]) == (200, True)
    assert asked(connect(home), "/")[0] == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_metrics_are_answered_on_a_port_of_this_machine(
    home: Settings, readings: Readings, host: str
) -> None:
    bare, port = host.strip("[]"), free_port()
    if bare == "::1":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    settings = home.model_copy(update={"metrics": MetricsSettings(listen=f"{host}:{port}")})
    with metrics_running(settings, CLOCK, readings):
        assert asked(socket.create_connection((bare, port), SURE_S), "/metrics")[0] == 200
        with (
            pytest.raises(ConfigError, match="Address already in use"),
            metrics_running(settings, CLOCK, readings),
        ):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((bare, port), SURE_S)
    assert not socket_path(home).exists()


def test_off_serves_nothing_and_counts_on(home: Settings, readings: Readings) -> None:
    settings = home.model_copy(update={"metrics": MetricsSettings(listen="off")})
    threads = threading.active_count()
    with metrics_running(settings, CLOCK, readings) as metrics:
        metrics.turn()
        assert threading.active_count() == threads
        assert not socket_path(home).exists()


def test_the_socket_of_a_killed_kiosk_is_replaced_and_another_file_is_not(
    home: Settings, readings: Readings
) -> None:
    path = socket_path(home)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with metrics_running(home, CLOCK, readings):
        assert asked(connect(home), "/metrics")[0] == 200
    assert not path.exists()
    path.write_text("notes")
    with pytest.raises(ConfigError, match="Address already in use"), metrics_running(home, CLOCK, readings):
        pass
    assert path.read_text() == "notes"


def test_a_home_with_a_path_too_long_for_a_socket_does_without(
    tmp_path: Path, readings: Readings, capsys: pytest.CaptureFixture[str]
) -> None:
    home = load_settings(tmp_path / ("x" * 100))
    with metrics_running(home, CLOCK, readings) as metrics:
        metrics.turn()
        assert not socket_path(home).exists()
    assert "too long for a socket" in capsys.readouterr().out


@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(garbage=st.binary(max_size=300))
def test_garbage_is_survived(home: Settings, running: KioskMetrics, garbage: bytes) -> None:
    with suppress(ConnectionError), connect(home) as client:
        client.sendall(garbage + b"\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert answered_within(home, SURE_S)


def test_a_request_that_is_too_long_is_closed_without_an_answer(
    home: Settings, running: KioskMetrics
) -> None:
    with suppress(ConnectionError), connect(home) as client:
        client.sendall(b"GET /metrics" + b"?" * MAX_HEAD_BYTES)
        assert client.recv(4096) == b""
    assert answered_within(home, SURE_S)


def test_a_client_that_leaves_in_the_middle_is_survived(home: Settings, running: KioskMetrics) -> None:
    for _ in range(20):
        with suppress(ConnectionError), connect(home) as client:  # refused when four are under way
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert answered_within(home, SURE_S)


def answered_within(home: Settings, seconds: float) -> bool:
    """Whether a request is answered, after some that found no free thread."""
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        try:
            return asked(connect(home), "/metrics")[0] == 200
        except (http.client.HTTPException, OSError):
            time.sleep(0.05)
    return False


@pytest.mark.slow
def test_clients_that_say_nothing_or_little_take_few_threads_and_little_time(
    home: Settings, running: KioskMetrics
) -> None:
    before = threading.active_count()
    slow = [connect(home) for _ in range(50)]
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(DEADLINE_S / 10):
            for client in slow:
                with suppress(OSError):
                    client.send(b"x")

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        assert threading.active_count() <= before + THREADS + 1
        assert answered_within(home, SURE_S), "the slow ones are given up"
    finally:
        stop.set()
        trickling.join()
        for client in slow:
            client.close()


@pytest.mark.slow
def test_a_client_that_does_not_read_the_answer_is_given_up(home: Settings, running: KioskMetrics) -> None:
    clients = [connect(home) for _ in range(THREADS)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert answered_within(home, SURE_S)
    for client in clients:
        client.close()


def test_the_door_goes_on_when_its_figures_cannot_be_given(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> dict[str, int]:
        raise ZeroDivisionError("a bug")

    lock = SimulatedLock(CLOCK)
    with metrics_running(home, CLOCK, Readings(lock, fails)) as metrics:
        metrics.turn()
        with connect(home) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert client.recv(4096) == b""
        assert asked(connect(home), "/")[0] == 404
    assert "the door's figures cannot be given" in capsys.readouterr().out


def test_all_threads_end_with_the_server(home: Settings, readings: Readings) -> None:
    before = set(threading.enumerate())
    with metrics_running(home, CLOCK, readings):
        asked(connect(home), "/metrics")
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("listen", ["socket", "off", "127.0.0.1:9464", "127.9.9.9:1", "[::1]:65535"])
def test_addresses_of_this_machine_alone_are_allowed(listen: str) -> None:
    assert MetricsSettings(listen=listen).listen == listen


@pytest.mark.parametrize(
    ("listen", "advice"),
    [
        ("0.0.0.0:9464", "can be reached from other machines"),
        ("192.168.1.5:9464", "can be reached from other machines"),
        ("[::]:9464", "can be reached from other machines"),
        ("[::ffff:192.168.1.5]:9464", "can be reached from other machines"),
        ("127.0.0.1:0", "from 1 to 65535"),
        ("127.0.0.1:65536", "from 1 to 65535"),
        ("localhost:9464", "such as"),
        ("9464", "such as"),
        ("127.1:9464", "9464"),
        ("999.0.0.1:9464", "999"),
    ],
)
def test_other_addresses_are_refused_with_advice(
    listen: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_METRICS__LISTEN", listen)
    with pytest.raises(ConfigError, match=advice) as caught:
        load_settings(tmp_path)
    assert "metrics.listen" in str(caught.value)
