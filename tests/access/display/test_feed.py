"""Kiosk and display over their socket: states, pictures, keys, and displays that misbehave."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.display import feed as feed_module
from access.display.client import FeedClient
from access.display.feed import MAX_DISPLAYS, MAX_KEYS, PICTURE_EVERY_S, DisplayFeed, encode_picture
from access.display.state import DisplayMode, DisplayState, Note
from access.display.wire import (
    MAX_BYTES,
    PICTURE,
    SILENT_S,
    STATE,
    PacketReader,
    packet,
    short_address,
    socket_path,
)
from models.clock import SystemClock
from models.domain import DenyReason, Frame, KeyPressed
from models.errors import AlreadyRunningError, ConfigError
from models.settings.display import DisplaySettings
from tests.conftest import ROOT

IDLE = DisplayState("front", DisplayMode.IDLE)
LOOKING = DisplayState("front", DisplayMode.LOOKING, DenyReason.NOT_ENOUGH_EVIDENCE)
DENIED = DisplayState("front", DisplayMode.DENIED, DenyReason.NOT_RECOGNISED)
LIMIT_S = 60.0


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    ends_s = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < ends_s, f"waited in vain for: {what}"
        threading.Event().wait(0.01)


class Kiosk:
    """Shows a state again and again, as the loop does at each frame, until it is told another."""

    def __init__(self, path: Path) -> None:
        self.feed = DisplayFeed(path, SystemClock(), "front")
        self.state, self.frame = IDLE, Frame(np.zeros((48, 64, 3), np.uint8), 0.0)
        self.loops, self.hangs = True, False
        self.turns = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Kiosk":
        self.feed.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.loops = False
        self._thread.join()
        self.feed.__exit__(None, None, None)

    def _run(self) -> None:
        while self.loops:
            if not self.hangs:
                self.feed.show(self.state, self.frame)
                self.turns += 1
            time.sleep(0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "display.sock"


@pytest.fixture
def kiosk(path: Path) -> Iterator[Kiosk]:
    with Kiosk(path) as kiosk:
        yield kiosk


@pytest.fixture
def client(path: Path) -> Iterator[FeedClient]:
    with FeedClient(path, "front") as client:
        yield client


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection, short_address(path) as address:
        connection.settimeout(LIMIT_S)
        connection.connect(address)
        yield connection


def is_cut_off(connection: socket.socket) -> bool:
    """Read until the end of the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_the_display_shows_what_the_kiosk_shows(kiosk: Kiosk, client: FeedClient) -> None:
    until(lambda: client.state() == IDLE, "the first state")
    assert client.picture() == b"", "nobody is there: no picture"
    kiosk.state = LOOKING
    until(lambda: client.state() == LOOKING, "the second state")
    until(lambda: client.picture() != b"", "a picture")
    kiosk.state = IDLE
    until(lambda: client.state() == IDLE, "the third state")
    assert client.picture() == b"", "who was there is not shown any more"


def test_the_picture_is_mirrored_and_small() -> None:
    image = np.zeros((960, 1280, 3), np.uint8)
    image[:, :320] = (0, 0, 255)
    before = image.copy()
    decoded = cv2.imdecode(np.frombuffer(encode_picture(image), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape == (480, 640, 3)
    assert decoded[:, 500:].mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=8), "red is right now"
    assert decoded[:, :460].mean() < 4
    assert (image == before).all()


@given(st.integers(1, 900), st.integers(1, 900))
def test_a_picture_of_any_size_is_at_most_640_pixels_long(height: int, width: int) -> None:
    encoded = np.frombuffer(encode_picture(np.zeros((height, width, 3), np.uint8)), np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert max(decoded.shape) <= max(640, 3)
    if max(height, width) <= 640:
        assert decoded.shape[:2] == (height, width)


def test_nothing_is_encoded_while_no_display_is_connected(
    kiosk: Kiosk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[float] = []

    def count(image: np.ndarray) -> bytes:
        encoded.append(time.monotonic())
        return encode_picture(image)

    monkeypatch.setattr(feed_module, "encode_picture", count)
    kiosk.state = LOOKING
    turns = kiosk.turns
    until(lambda: kiosk.turns > turns + 20, "some frames")
    assert encoded == []
    with FeedClient(path, "front") as client:
        until(lambda: client.picture() != b"", "a picture")
        for _ in range(400):
            kiosk.frame = Frame(np.zeros((48, 64, 3), np.uint8), 0.0)
            time.sleep(0.002)
    took_s = encoded[-1] - encoded[0]
    assert 1 < len(encoded) <= took_s / PICTURE_EVERY_S + 2


def test_keys_come_in_order_with_the_kiosks_time(kiosk: Kiosk, client: FeedClient) -> None:
    until(lambda: client.state() == IDLE, "a connection")
    before_s = time.monotonic()
    assert all(client.press(key) for key in "12*90#")
    got: list[KeyPressed] = []
    until(lambda: got.extend(kiosk.feed.keys()) or len(got) == 6, "six keys")  # type: ignore[func-returns-value]
    assert "".join(key.key for key in got) == "12*90#"
    assert all(before_s <= key.at_s <= time.monotonic() for key in got)
    assert kiosk.feed.keys() == []


@pytest.mark.parametrize("key", ["", "12", "a", "٣", "\n"])
def test_what_is_no_key_is_refused(client: FeedClient, key: str) -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        client.press(key)


def test_keys_are_refused_while_the_kiosk_is_away_and_none_comes_later(path: Path) -> None:
    with FeedClient(path, "front") as client:
        assert client.press("1") is False
        with Kiosk(path) as kiosk:
            until(lambda: client.state() == IDLE, "a connection")
            assert kiosk.feed.keys() == []


def test_keys_that_nobody_takes_do_not_pile_up(path: Path) -> None:
    feed = DisplayFeed(path, SystemClock(), "front")
    feed.press(b"1" * 5 * MAX_KEYS + b"23")
    pressed = feed.keys()
    assert "".join(key.key for key in pressed) == "1" * (MAX_KEYS - 2) + "23"


def test_a_kiosk_that_ends_is_out_of_order_at_once_and_comes_back(path: Path, client: FeedClient) -> None:
    for state in (LOOKING, DENIED):
        with Kiosk(path) as kiosk:
            kiosk.state = state
            until(lambda state=state: client.state() == state, "the kiosk")  # type: ignore[misc]
            until(lambda: client.picture() != b"", "a picture")
        until(lambda: client.state().mode is DisplayMode.OUT_OF_ORDER, "out of order")
        assert client.picture() == b""
        assert client.press("1") is False
    assert not path.exists()


@pytest.mark.slow
def test_a_loop_that_hangs_is_out_of_order(kiosk: Kiosk, client: FeedClient) -> None:
    kiosk.state = replace(LOOKING, time_zone="Europe/Berlin")
    until(lambda: client.picture() != b"", "a picture")
    kiosk.hangs = True
    until(lambda: client.state().mode is DisplayMode.OUT_OF_ORDER, "out of order")
    assert client.state().message is Note.NO_ANSWER
    assert client.picture() == b""
    kiosk.hangs = False
    until(lambda: client.state().mode is DisplayMode.LOOKING, "looking again")


KIOSK = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from access.display.feed import DisplayFeed
from access.display.state import DisplayMode, DisplayState
from models.clock import SystemClock
with DisplayFeed(Path(sys.argv[1]), SystemClock(), "front") as feed:
    while True:
        feed.show(DisplayState("front", DisplayMode.IDLE))
        time.sleep(0.05)
"""


@contextmanager
def process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", KIOSK, str(path)]) as kiosk:
        try:
            yield kiosk
        finally:
            kiosk.kill()


@pytest.mark.slow
def test_a_kiosk_that_is_stopped_or_killed_is_out_of_order(path: Path, client: FeedClient) -> None:
    with process(path) as kiosk:
        until(lambda: client.state().mode is DisplayMode.IDLE, "the kiosk")
        kiosk.send_signal(signal.SIGSTOP)
        until(lambda: client.state().mode is DisplayMode.OUT_OF_ORDER, "out of order")
        kiosk.send_signal(signal.SIGCONT)
        until(lambda: client.state().mode is DisplayMode.IDLE, "the kiosk again")
        kiosk.kill()
        until(lambda: client.state().mode is DisplayMode.OUT_OF_ORDER, "out of order")
    assert path.exists(), "a killed kiosk leaves its socket"
    with process(path):
        until(lambda: client.state().mode is DisplayMode.IDLE, "a kiosk in its place")


def displays_at(path: Path) -> int:
    """How many displays are connected, by the system's own list of sockets."""
    connected_state = "03"
    rows = Path("/proc/net/unix").read_text().splitlines()
    return sum(row.endswith(path.name) and row.split()[5] == connected_state for row in rows)


def test_a_display_that_takes_nothing_holds_nobody_up_and_is_cut_off(
    kiosk: Kiosk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "STUCK_S", 0.5)
    kiosk.state = LOOKING
    rng = np.random.default_rng(1)
    noise = [Frame(rng.integers(0, 255, (480, 640, 3), dtype=np.uint8), 0.0) for _ in range(2)]
    with connected(path) as stuck, FeedClient(path, "front") as client:
        turns = kiosk.turns

        def new_frames() -> bool:
            kiosk.frame = noise[kiosk.turns % 2]
            return kiosk.turns > turns + 200

        until(new_frames, "the loop to go on")
        until(lambda: client.picture() != b"", "a picture for the other display")
        until(lambda: new_frames() and displays_at(path) == 1, "the end of the one that is stuck")
        assert is_cut_off(stuck)
        assert client.state() == LOOKING


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"1a", b"\x00", b"\xff" * 200])
def test_a_display_that_sends_garbage_is_cut_off(kiosk: Kiosk, path: Path, garbage: bytes) -> None:
    with connected(path) as bad, FeedClient(path, "front") as good:
        bad.sendall(garbage)
        assert is_cut_off(bad)
        until(lambda: good.state() == IDLE, "the other display")
    assert kiosk.feed.keys() == []


def test_there_is_room_for_some_displays_and_again_when_one_has_gone(kiosk: Kiosk, path: Path) -> None:
    with connected(path) as first:
        assert first.recv(1) == STATE
        others = [connected(path) for _ in range(MAX_DISPLAYS - 1)]
        for other in others:
            assert other.__enter__().recv(1) == STATE
        with connected(path) as too_many:
            assert too_many.recv(1) == b""
        for other in others:
            other.__exit__(None, None, None)

    def there_is_room() -> bool:
        with connected(path) as again:
            return again.recv(1) == STATE

    until(there_is_room, "room")


def test_only_the_kiosks_user_may_open_the_socket(kiosk: Kiosk, path: Path) -> None:
    found = path.stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.getuid())


def test_a_second_kiosk_is_refused_and_the_first_goes_on(kiosk: Kiosk, path: Path) -> None:
    with pytest.raises(AlreadyRunningError, match=r"display\.socket"):
        DisplayFeed(path, SystemClock(), "front").__enter__()
    with FeedClient(path, "front") as client:
        until(lambda: client.state() == IDLE, "the first kiosk")


def test_a_file_in_the_way_and_a_folder_that_is_absent_are_clear_errors(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(ConfigError, match="is no socket"):
        DisplayFeed(file, SystemClock(), "front").__enter__()
    assert file.read_text() == "precious"
    with pytest.raises(ConfigError, match=r"cannot be made .*display\.socket"):
        DisplayFeed(tmp_path / "no" / "where", SystemClock(), "front").__enter__()


def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    path = socket_path(DisplaySettings(), folder, "f" * 64)
    assert path == folder / f"display-{'f' * 64}.sock"
    with Kiosk(path), FeedClient(path, "front") as client:
        until(lambda: client.state() == IDLE, "the kiosk")


def test_the_socket_may_lie_elsewhere(tmp_path: Path) -> None:
    assert socket_path(DisplaySettings(socket=tmp_path / "s"), Path("/home"), "front") == tmp_path / "s"


@given(st.lists(st.tuples(st.sampled_from([STATE, PICTURE]), st.binary(max_size=200))), st.integers(1, 50))
def test_packets_are_found_however_they_are_cut(packets: list[tuple[bytes, bytes]], size: int) -> None:
    stream = b"".join(packet(kind, content) for kind, content in packets)
    reader = PacketReader()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [found for piece in pieces for found in reader.feed(piece)] == packets


@pytest.mark.parametrize("start", [b"Hello", b"S" + (MAX_BYTES + 1).to_bytes(4, "big")])
def test_what_is_no_packet_is_refused(start: bytes) -> None:
    with pytest.raises(ValueError, match="no packets"):
        list(PacketReader().feed(start))


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\n", packet(STATE, b"{}"), packet(STATE, b"not json"), packet(STATE, b"[1]")]
)
def test_a_kiosk_that_speaks_another_language_is_out_of_order(path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener, short_address(path) as address:
        listener.bind(address)
        listener.listen()
        with FeedClient(path, "front") as client:
            for _ in range(2):  # it tries again
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(said)
                    assert is_cut_off(connection)
            assert client.state().mode is DisplayMode.OUT_OF_ORDER


def test_waiting_for_a_state_ends_with_it_with_the_time_or_with_the_client(path: Path) -> None:
    with FeedClient(path, "front") as client:
        number, state = client.next_state(0, LIMIT_S)
        assert state.mode is DisplayMode.OUT_OF_ORDER
        assert client.next_state(number, 0.01) == (number, state)
        with Kiosk(path):
            later, state = client.next_state(number, LIMIT_S)
            assert later > number
        waiting = threading.Thread(target=client.next_state, args=(10**9, LIMIT_S))
        until(lambda: client.state().mode is DisplayMode.OUT_OF_ORDER, "the end")
        waiting.start()
    waiting.join(LIMIT_S)
    assert not waiting.is_alive()


def test_a_state_is_repeated_so_that_silence_means_something(kiosk: Kiosk, path: Path) -> None:
    reader, states = PacketReader(), 0
    with connected(path) as connection:
        while states < 3:
            states += sum(
                json.loads(content)["mode"] == "idle" for _, content in reader.feed(connection.recv(65536))
            )
    assert states >= 3
    assert SILENT_S > 1.0
