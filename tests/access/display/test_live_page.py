"""The live page: what it shows, to whom, and that a person can read it without colours."""

import json
import urllib.request
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from access.display.live_page import COLOURS, LiveBoard, create_app, listen_on, mark_faces, serve, state_of
from access.visit import Visit
from models.domain import Deny, DenyReason, Frame, Grant, LockState
from models.errors import CameraLostError, ConfigError
from tests.access.door import ADA, STRANGER, Door, Stand, picture

NAMES = {ADA: "Ada <b>"}


@pytest.fixture
def board() -> LiveBoard:
    return LiveBoard(lambda person_id: NAMES.get(person_id, "someone"), ZoneInfo("UTC"))


@pytest.fixture
def client(board: LiveBoard) -> Iterator[FlaskClient]:
    with create_app(board, "front", "A demo").test_client() as client:
        yield client


def watch(board: LiveBoard, door: Door, *stands: Stand, frames: int = 3) -> None:
    for _ in range(frames):
        for event in door.show(*stands):
            board.record(event)
    frame = Frame(picture(stands), door.clock.monotonic_s())
    board.show(frame, door.loop.visible, door.lock.state(), 0.5)


def test_the_page_says_that_nobody_is_there_before_anyone_comes(client: FlaskClient) -> None:
    assert client.get("/picture.jpg").status_code == 503
    state = client.get("/state").get_json()
    assert (state["state"], state["headline"], state["decisions"]) == (
        "waiting",
        "Nobody is at the door",
        [],
    )
    page = client.get("/").get_data(as_text=True)
    assert 'aria-live="polite"' in page
    assert "<noscript>" in page


def test_a_grant_welcomes_by_name_and_shows_the_open_lock(board: LiveBoard, client: FlaskClient) -> None:
    watch(board, Door(), Stand(1))
    state = client.get("/state").get_json()
    assert (state["state"], state["headline"]) == ("granted", "Welcome, Ada <b>")
    assert (state["lock"], state["lock_message"]) == ("unlocked", "Unlocked")
    (line,) = state["decisions"]
    assert (line["outcome"], line["message"], line["threshold"]) == ("unlocked", "Ada <b>", 0.5)
    assert line["time"] == "08:00:00 UTC"
    answer = client.get("/picture.jpg")
    decoded = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape == (240, 640, 3)


def test_a_grant_that_could_not_be_acted_on_is_shown_as_that(board: LiveBoard, client: FlaskClient) -> None:
    door = Door()
    door.lock.close()
    watch(board, door, Stand(1))
    state = client.get("/state").get_json()
    assert (state["state"], state["headline"]) == ("fault", "The lock is out of order")
    (line,) = state["decisions"]
    assert (line["outcome"], line["message"]) == ("not_unlocked", "The lock is out of order")
    assert state["counts"] == "0 let in, 0 denied, 1 out of order"


def test_whoever_has_to_rest_is_asked_to_wait(board: LiveBoard, client: FlaskClient) -> None:
    watch(board, Door(), Stand(STRANGER), frames=110)
    state = client.get("/state").get_json()
    assert (state["state"], state["headline"]) == ("denied", "Please wait a minute, then try again")


def test_the_times_are_those_of_the_sites_zone() -> None:
    board = LiveBoard(str, ZoneInfo("Europe/Berlin"))
    watch(board, Door(), Stand(1))
    assert board.state()["decisions"][0]["time"] == "09:00:00 CET"
    with create_app(board, "front", "A demo").test_client() as client:
        assert "Time (Europe/Berlin)" in client.get("/").get_data(as_text=True)


def test_a_denial_says_why_in_words(board: LiveBoard, client: FlaskClient) -> None:
    watch(board, Door(), Stand(STRANGER))
    state = client.get("/state").get_json()
    assert (state["state"], state["headline"], state["lock"]) == ("denied", "Not recognised", "locked")
    assert state["score"] < state["threshold"] == 0.5
    assert state["counts"] == "0 let in, 1 denied, 0 out of order"


def test_a_poor_picture_says_what_to_do(board: LiveBoard, client: FlaskClient) -> None:
    watch(board, Door(), Stand(1, good=False))
    state = client.get("/state").get_json()
    assert state["advice"] == ["There is too little light on your face."]
    assert (state["state"], state["score"]) == ("looking", None)


def test_a_fault_is_listed(board: LiveBoard, client: FlaskClient) -> None:
    for event in Door().loop.fault(CameraLostError("gone")):
        board.record(event)
    (line,) = client.get("/state").get_json()["decisions"]
    assert (line["outcome"], line["message"]) == ("fault", "The camera is out of order")


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (Grant(ADA), "granted"),
        (None, "looking"),
        (Deny(DenyReason.NOT_ENOUGH_EVIDENCE), "looking"),
        (Deny(DenyReason.POOR_QUALITY), "looking"),
        (Deny(DenyReason.AMBIGUOUS), "denied"),
        (Deny(DenyReason.REGISTER_FAULT), "fault"),
    ],
)
def test_each_state_has_a_word_and_a_colour(decision: Grant | Deny | None, state: str) -> None:
    door = Door()
    door.show(Stand(1))
    visit = Visit(1, door.loop.visible[0].face, decision=decision)
    assert state_of(visit) == state
    image = np.zeros((240, 640, 3), np.uint8)
    marked = mark_faces(image, [visit])
    assert not image.any()
    assert (marked == COLOURS[state]).all(axis=2).sum() > 500


def test_the_page_is_for_this_machine_alone(client: FlaskClient) -> None:
    assert client.get("/state", headers={"Host": "evil.example"}).status_code == 400
    headers = client.get("/").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["Cache-Control"] == "no-store"


def test_it_is_served_and_a_taken_port_is_a_clear_error(board: LiveBoard) -> None:
    app = create_app(board, "front", "A demo")
    with listen_on(0) as listener, serve(app, listener) as address:
        with urllib.request.urlopen(f"{address}/state", timeout=5) as answer:
            assert json.load(answer)["lock"] == LockState.LOCKED
        port = int(address.rpartition(":")[2])
        with pytest.raises(ConfigError, match=r'--port 8081.*DEMO="--port 8081"'), listen_on(port):
            pytest.fail("two programs have one port")
    with listen_on(port):
        pass


def test_a_port_is_taken_before_anything_is_served() -> None:
    with listen_on(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match="--port"), listen_on(port):
            pytest.fail("two programs have one port")


def test_every_route_refuses_what_it_does_not_know_in_one_shape(board: LiveBoard) -> None:
    app = create_app(board, "front", "A demo")
    with app.test_client() as client:
        answers = [client.get("/nothing"), client.get("/picture.jpg")]
        answers.append(client.get("/state", headers={"Host": "elsewhere.example"}))
        answers += [
            client.delete(str(rule).replace("<path:filename>", "door.css"))
            for rule in app.url_map.iter_rules()
        ]
    for answer in answers:
        assert answer.status_code >= 400
        assert answer.mimetype == "application/problem+json"
        assert {"error", "message", "details"} <= set(answer.get_json())
