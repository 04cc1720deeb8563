"""The display's page on the server's side: to whom it answers, with what, and which keys it takes."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from access.display.client import FeedClient
from access.display.display_page import MAX_STREAMS, THREADS, create_app
from access.display.feed import DisplayFeed
from access.display.page_server import listen_on, serve
from access.display.state import DisplayMode, DisplayState
from models.clock import SystemClock
from models.domain import DenyReason, Frame
from models.settings.display import DisplaySettings
from tests.access.display.test_feed import LIMIT_S, until

LOOKING = DisplayState("front", DisplayMode.LOOKING, DenyReason.NOT_ENOUGH_EVIDENCE)
SETTINGS = DisplaySettings(languages=("de", "en"), help_text="Reception <b>", volume=0.25)
ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[DisplayFeed]:
    with DisplayFeed(tmp_path / "d.sock", SystemClock(), "front") as feed:
        yield feed


@pytest.fixture
def follower(feed: DisplayFeed, tmp_path: Path) -> Iterator[FeedClient]:
    with FeedClient(tmp_path / "d.sock", "front") as client:
        yield client


@pytest.fixture
def client(follower: FeedClient) -> Iterator[FlaskClient]:
    with create_app(follower, SETTINGS).test_client() as client:
        yield client


def look(feed: DisplayFeed, follower: FeedClient) -> None:
    """Show a picture until it has come."""

    def has_come() -> bool:
        feed.show(LOOKING, Frame(np.zeros((48, 64, 3), np.uint8), 0.0))
        return follower.picture() != b""

    until(has_come, "a picture")


def test_the_page_has_the_settings_and_the_words_in_their_order(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert '<html lang="de">' in page and "Außer Betrieb" in page
    assert 'data-volume="0.25"' in page and "Reception &lt;b&gt;" in page
    assert 'aria-live="polite"' in page and "<noscript>" in page
    assert list(json.loads(client.get("/words").data)) == ["de", "en"]


def test_the_page_has_nothing_inline_that_the_policy_would_stop(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "style=" not in page and "<style" not in page and "onclick" not in page
    assert page.count("<script") == page.count("<script src=")


def test_a_picture_comes_while_there_is_one(
    client: FlaskClient, feed: DisplayFeed, follower: FeedClient
) -> None:
    assert client.get("/picture.jpg").status_code == 503
    look(feed, follower)
    answer = client.get("/picture.jpg")
    assert (answer.status_code, answer.mimetype, answer.data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert answer.headers["Cache-Control"] == "no-store"


def test_keys_go_to_the_kiosk(client: FlaskClient, feed: DisplayFeed, follower: FeedClient) -> None:
    assert client.post("/keys", json={"key": "1"}, headers=ORIGIN).status_code == 503, "no kiosk yet"
    look(feed, follower)
    assert client.post("/keys", json={"key": "7"}, headers=ORIGIN).status_code == 204
    got: list[str] = []

    def has_come() -> bool:
        pressed = feed.keys()
        got.extend(key.key for key in pressed)
        return bool(got)

    until(has_come, "the key")
    assert got == ["7"]


@pytest.mark.parametrize(
    "origin", [None, "http://evil.example", "http://localhost:9", "https://localhost", "null"]
)
def test_keys_of_another_page_are_refused(
    client: FlaskClient, feed: DisplayFeed, follower: FeedClient, origin: str | None
) -> None:
    look(feed, follower)
    headers = {} if origin is None else {"Origin": origin}
    assert client.post("/keys", json={"key": "1"}, headers=headers).status_code == 403
    assert feed.keys() == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"key": "12"}', "application/json", 400),
        (b'{"key": 1}', "application/json", 400),
        (b'{"key": ["1"]}', "application/json", 400),
        (b'["1"]', "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"key": "\xd9\xa3"}', "application/json", 400),
        (b"key=1", "application/x-www-form-urlencoded", 415),
        (b'{"key": "1"}', "text/plain", 415),
        (b'{"key": "' + b"1" * 99 + b'"}', "application/json", 413),
    ],
)
def test_what_the_page_would_not_send_is_refused_and_not_repeated(
    client: FlaskClient, body: bytes, kind: str, status: int
) -> None:
    answer = client.post("/keys", data=body, content_type=kind, headers=ORIGIN)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert "12" not in answer.get_json()["message"], "what was typed is a part of somebody's PIN"


def test_every_answer_is_for_this_machine_and_this_page_alone(client: FlaskClient) -> None:
    for path in ("/", "/words", "/picture.jpg", "/keys", "/static/display.js", "/nothing"):
        with client.get(path, headers={"Host": "evil.example"}) as refused, client.get(path) as answer:
            assert refused.status_code == 400
            headers = answer.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_states_are_streamed_whole_and_repeated_and_end_with_the_server(
    feed: DisplayFeed, follower: FeedClient
) -> None:
    app = create_app(follower, SETTINGS)
    with (
        listen_on(0, "") as listener,
        serve(app, listener, threads=THREADS) as address,
        urllib.request.urlopen(f"{address}/states", timeout=LIMIT_S) as stream,
    ):
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first = [stream.readline() for _ in range(3)]
        assert first[0].startswith(b"id: ") and first[2] == b"\n"
        record = json.loads(first[1].removeprefix(b"data: "))
        assert DisplayState.from_record(record["state"]).mode is DisplayMode.OUT_OF_ORDER
        look(feed, follower)
        until(lambda: b'"looking"' in stream.readline(), "the next state")
        feed.show(DisplayState("front", DisplayMode.IDLE))
        until(lambda: b'"idle"' in stream.readline(), "the state after it")
        until(lambda: b'"idle"' in stream.readline(), "the same once more")


def test_there_are_so_many_streams_and_keys_and_pictures_still_come(
    feed: DisplayFeed, follower: FeedClient
) -> None:
    app = create_app(follower, SETTINGS)
    with listen_on(0, "") as listener, serve(app, listener, threads=THREADS) as address:
        streams = [urllib.request.urlopen(f"{address}/states", timeout=LIMIT_S) for _ in range(MAX_STREAMS)]
        for stream in streams:
            assert stream.readline().startswith(b"id: ")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{address}/states", timeout=LIMIT_S)
        with urllib.request.urlopen(f"{address}/words", timeout=LIMIT_S) as answer:
            assert json.load(answer)
        for stream in streams:
            stream.close()

        def there_is_room() -> bool:
            try:
                with urllib.request.urlopen(f"{address}/states", timeout=LIMIT_S) as again:
                    return bool(again.readline())
            except urllib.error.HTTPError:
                return False

        until(there_is_room, "room for a stream")


def test_the_displays_process_loads_no_recognition() -> None:
    heavy = ["cv2", "faiss", "openvino", "sqlalchemy", "onnx"]
    modules = "access.display.client, access.display.display_page, access.display.page_server, access.logs"
    code = f"import sys, {modules}, models.cli.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
