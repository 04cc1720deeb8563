"""What is particular to one way of switching a relay: authentication, timers, orders that come late."""

import hashlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from access.hardware import open_lock
from access.hardware.gpio import GpioBoard
from access.hardware.http import HttpBoard
from access.hardware.http_digest import Digest
from access.hardware.modbus import ModbusBoard
from access.hardware.mqtt import EXPIRY_S, MqttBoard
from access.hardware.relay import RelayLock
from models.cli.app import EXTRAS
from models.clock import SimulatedClock, SystemClock
from models.domain import LockState
from models.errors import LockError
from models.ports import Lock
from models.settings.lock import (
    GpioLockSettings,
    HttpLockSettings,
    LockSettings,
    ModbusLockSettings,
    MqttLockSettings,
    SerialLockSettings,
)
from tests.contracts.lock_benches import ANSWER_S, MqttBench
from tests.peers.serial_board import LcusBoard
from tests.peers.shelly import ShellyPeer


def eventually(holds: Callable[[], bool], limit_s: float = 20.0) -> bool:
    ends_s = time.monotonic() + limit_s
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return holds()


def test_the_answer_to_a_challenge_is_that_of_rfc_7616() -> None:
    """Section 3.9.1 of the RFC, its values word for word."""
    digest = Digest.from_header(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert digest is not None
    header = digest.authorization(
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in header
    assert "nc=00000001" in header
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in header


@pytest.mark.parametrize(
    "header",
    [
        "",
        'Basic realm="x"',
        'Digest realm="x", nonce="n", qop="auth"',
        'Digest realm="x", nonce="n", qop="auth", algorithm=MD5',
        'Digest realm="x", nonce="n", qop="auth-int", algorithm=SHA-256',
        'Digest nonce="n", qop="auth", algorithm=SHA-256',
    ],
)
def test_a_weaker_challenge_is_not_answered(header: str) -> None:
    assert Digest.from_header(header) is None


@pytest.fixture
def shelly() -> Iterator[ShellyPeer]:
    peer = ShellyPeer(password="secret")
    yield peer
    peer.stop()


def http_lock(peer: ShellyPeer, user: str = "admin:secret@") -> RelayLock:
    settings = HttpLockSettings(address=f"http://{user}127.0.0.1:{peer.port}")
    return RelayLock(HttpBoard(settings, SystemClock(), answer_s=ANSWER_S), SystemClock())


def test_one_challenge_serves_many_requests_each_with_an_answer_of_its_own(shelly: ShellyPeer) -> None:
    lock = http_lock(shelly)
    for _ in range(5):
        lock.unlock(60.0)
        lock.lock()
    assert len(shelly.nonces) == 1
    assert len(shelly.requests) > 15
    assert shelly.refused == 0
    lock.close()


def test_a_relay_that_forgets_its_challenge_is_answered_anew(shelly: ShellyPeer) -> None:
    lock = http_lock(shelly)
    lock.unlock(60.0)
    shelly.nonces.clear()
    lock.lock()
    assert not shelly.is_on()
    assert shelly.refused == 1
    lock.close()


@pytest.mark.parametrize("user", ["admin:wrong@", "root:secret@"])
def test_wrong_credentials_unlock_nothing_and_are_not_printed(shelly: ShellyPeer, user: str) -> None:
    lock = http_lock(shelly, user)
    with pytest.raises(LockError, match="refuses the password") as caught:
        lock.unlock(1.0)
    assert not shelly.is_on()
    assert lock.state() is LockState.UNKNOWN
    assert user.split(":")[1].rstrip("@") not in str(caught.value)
    with pytest.raises(LockError):
        lock.close()


@pytest.mark.parametrize("user", ["", "admin:@"])
def test_a_missing_password_is_asked_for(shelly: ShellyPeer, user: str) -> None:
    lock = http_lock(shelly, user)
    with pytest.raises(LockError, match="asks for a password"):
        lock.unlock(1.0)
    with pytest.raises(LockError):
        lock.close()


def test_a_relay_that_asks_for_md5_is_not_given_the_password(shelly: ShellyPeer) -> None:
    shelly.algorithm = "MD5"
    lock = http_lock(shelly)
    with pytest.raises(LockError, match="only digest authentication with SHA-256"):
        lock.unlock(1.0)
    with pytest.raises(LockError):
        lock.close()
    assert shelly.requests == []


def test_an_order_that_was_overheard_cannot_be_sent_again(shelly: ShellyPeer) -> None:
    digest = None

    def send(path: str, authorization: str = "") -> bytes:
        with socket.create_connection(("127.0.0.1", shelly.port), 10.0) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}\r\n"
            connection.sendall(request.encode())
            return b"".join(iter(lambda: connection.recv(4096), b""))

    challenge = send("/rpc/Switch.GetStatus?id=0").split(b"WWW-Authenticate: ")[1].split(b"\r\n")[0]
    digest = Digest.from_header(challenge.decode())
    assert digest is not None
    on = "/rpc/Switch.Set?id=0&on=true"
    overheard = f"Authorization: {digest.authorization('admin', 'secret', 'GET', on)}\r\n"
    assert b" 200 " in send(on, overheard)
    assert b" 401 " in send(on, overheard)
    assert b" 401 " in send("/rpc/Switch.Set?id=0&on=false", overheard)


@pytest.mark.slow
def test_a_shelly_locks_again_by_its_own_timer_when_the_kiosk_has_died(shelly: ShellyPeer) -> None:
    lock = http_lock(shelly)
    lock.unlock(0.5)
    assert shelly.is_on()
    assert eventually(lambda: not shelly.is_on())
    assert [path for path in shelly.requests if "on=false" in path] == []
    lock.close()


def test_a_shelly_without_a_password_works_too() -> None:
    peer = ShellyPeer()
    lock = http_lock(peer, user="")
    lock.unlock(60.0)
    assert peer.is_on()
    lock.close()
    assert not peer.is_on()
    assert peer.nonces == {}
    peer.stop()


class SelfTimedMqttBench(MqttBench):
    unlock_payload = "ON {seconds}"


@pytest.fixture
def mqtt(tmp_path: Path) -> Iterator[MqttBench]:
    bench = SelfTimedMqttBench(tmp_path)
    assert eventually(lambda: bench.lock.state() is LockState.LOCKED)
    yield bench
    bench.board.close()
    bench.close()


def test_orders_are_not_retained_and_carry_the_time(mqtt: MqttBench) -> None:
    mqtt.lock.unlock(2.5)
    mqtt.lock.lock()
    assert mqtt.relay.orders == [("OFF", False), ("ON 3", False), ("OFF", False)]


@pytest.mark.slow
def test_a_relay_that_was_away_does_not_unlock_when_it_comes_back(mqtt: MqttBench) -> None:
    mqtt.relay.vanish()
    assert eventually(lambda: mqtt.lock.state() is LockState.UNKNOWN)
    ordered = len(mqtt.relay.orders)
    with pytest.raises(LockError):
        mqtt.lock.unlock(60.0)
    time.sleep(EXPIRY_S + 1.0)
    mqtt.relay.start()
    mqtt.relay.say("state", "OFF", retain=True)
    assert [order for order, _ in mqtt.relay.orders[ordered:] if order.startswith("ON")] == []
    assert eventually(lambda: mqtt.lock.state() is LockState.LOCKED)
    assert not mqtt.relay.on


@pytest.mark.slow
def test_an_order_is_not_sent_again_over_a_new_connection(mqtt: MqttBench) -> None:
    mqtt.proxy.cut()
    with pytest.raises(LockError):
        mqtt.lock.unlock(60.0)
    mqtt.proxy.start()
    assert eventually(lambda: mqtt.lock.state() is LockState.LOCKED)
    assert {order for order, _ in mqtt.relay.orders} == {"OFF"}


def test_a_retained_state_proves_nothing(mqtt: MqttBench) -> None:
    mqtt.relay.stuck = True
    mqtt.relay.say("state", "OFF", retain=True)
    board = MqttBoard(mqtt.board._settings, SystemClock(), answer_s=ANSWER_S)
    with pytest.raises(LockError, match="does not say how it stands"):
        board.is_on()
    board.close()


def test_a_broker_that_is_absent_is_an_error_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = MqttLockSettings(
        broker=f"mqtt://me:secret@127.0.0.1:{port}", command_topic="a", state_topic="b"
    )
    lock = open_lock(settings, SystemClock())
    assert lock.state() is LockState.UNKNOWN
    with pytest.raises(LockError, match="MQTT broker") as caught:
        lock.unlock(1.0)
    assert "secret" not in str(caught.value)
    with pytest.raises(LockError):
        lock.close()


@pytest.mark.parametrize(
    ("package", "module", "settings"),
    [
        ("gpiozero", "gpio", GpioLockSettings(pin=17)),
        ("serial", "serial_board", SerialLockSettings(port="/dev/x")),
        ("pymodbus", "modbus", ModbusLockSettings(address="x")),
        ("paho", "mqtt", MqttLockSettings(broker="mqtt://x", command_topic="a", state_topic="b")),
    ],
)
def test_a_missing_package_is_one_that_the_command_names_the_extra_of(
    monkeypatch: pytest.MonkeyPatch, package: str, module: str, settings: LockSettings
) -> None:
    monkeypatch.delitem(sys.modules, f"access.hardware.{module}")
    monkeypatch.delattr(f"access.hardware.{module}", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        open_lock(settings, SimulatedClock())
    assert EXTRAS[str(caught.value.name).partition(".")[0]] == settings.kind


def test_pins_that_are_let_go_are_inputs() -> None:
    factory = MockFactory()
    lock = RelayLock(GpioBoard(GpioLockSettings(pin=17), factory), SimulatedClock())
    lock.unlock(5.0)
    assert factory.pin(17).function == "output"
    lock.close()
    assert factory.pin(17).function == "input"
    factory.close()


def test_a_machine_without_pins_is_told_so() -> None:
    with pytest.raises(LockError, match="the pins cannot be used"):
        open_lock(GpioLockSettings(pin=17), SimulatedClock())


def test_a_serial_board_is_switched_by_the_bytes_of_its_data_sheet(tmp_path: Path) -> None:
    board = LcusBoard(tmp_path / "relay")
    lock: Lock = open_lock(SerialLockSettings(port=str(tmp_path / "relay"), relay=3), SystemClock())
    assert eventually(lambda: lock.state() is LockState.LOCKED)
    lock.unlock(60.0)
    assert board.relays == [False, False, True, False]
    lock.close()
    assert board.relays == [False] * 4
    board.port.unplug()


def test_a_serial_board_that_cannot_say_its_state_is_never_believed(tmp_path: Path) -> None:
    board = LcusBoard(tmp_path / "relay")
    lock = open_lock(SerialLockSettings(port=str(tmp_path / "relay"), relay=8), SystemClock())
    assert lock.state() is LockState.UNKNOWN
    with pytest.raises(LockError):
        lock.unlock(1.0)
    with pytest.raises(LockError):
        lock.close()
    board.port.unplug()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "/dev/no-such-port"])
def test_a_modbus_board_that_is_absent_is_unknown(address: str) -> None:
    board = ModbusBoard(ModbusLockSettings(address=address))
    lock = RelayLock(board, SystemClock())
    assert lock.state() is LockState.UNKNOWN
    with pytest.raises(LockError, match="Modbus board at"):
        board.switch_on(1.0)
    with pytest.raises(LockError):
        lock.close()


def test_the_peer_computes_its_digest_by_itself() -> None:
    """The peer's hash is written out here once more, so that peer and lock cannot be wrong together."""
    peer = ShellyPeer(password="secret")
    first = hashlib.sha256(b"admin:shellyplus1-0123456789ab:secret").hexdigest()
    second = hashlib.sha256(b"GET:/rpc/Switch.GetStatus?id=0").hexdigest()
    peer.nonces["n"] = set()
    response = hashlib.sha256(f"{first}:n:00000001:c:auth:{second}".encode()).hexdigest()
    with socket.create_connection(("127.0.0.1", peer.port), 10.0) as connection:
        connection.sendall(
            b"GET /rpc/Switch.GetStatus?id=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b'Authorization: Digest username="admin", realm="r", nonce="n", '
            b'uri="/rpc/Switch.GetStatus?id=0", nc=00000001, cnonce="c", qop=auth, '
            + f'response="{response}"\r\n\r\n'.encode()
        )
        assert b'"output": false' in b"".join(iter(lambda: connection.recv(4096), b""))
    peer.stop()
