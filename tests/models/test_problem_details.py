"""Whatever goes wrong in a Flask app is answered in one shape."""

from collections.abc import Iterator

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from models.errors import DoorwardError, QualityError, UnknownPersonError
from models.problem_details import answer_with_problem_details

FAILURES: dict[str, Exception] = {
    "/poor": QualityError("face.jpg: the face is blurred; take another picture", ["blurred"]),
    "/unknown": UnknownPersonError("nobody is enrolled as Ada"),
    "/root": DoorwardError("something that has a name"),
    "/bug": ZeroDivisionError("a secret of the server"),
}
KEYS = {"type", "title", "status", "detail", "error", "message", "details"}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = Flask(__name__)
    answer_with_problem_details(app)

    @app.get("/<name>")
    def fail(name: str) -> str:
        raise FAILURES.get(f"/{name}") or abort(404)

    @app.get("/closed")
    def closed() -> str:
        abort(403, "only operators may do this")

    with app.test_client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/poor", 422, "poor_quality"),
        ("/unknown", 404, "unknown_person"),
        ("/root", 500, "error"),
        ("/bug", 500, "internal_server_error"),
        ("/nothing", 404, "not_found"),
        ("/closed", 403, "forbidden"),
    ],
)
def test_every_failure_has_the_one_shape(client: FlaskClient, path: str, status: int, code: str) -> None:
    answer = client.get(path)
    problem = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert set(problem) == KEYS
    assert (problem["status"], problem["error"]) == (status, code)
    assert problem["type"] == f"urn:doorward:error:{code}"
    assert problem["detail"] == problem["message"] != ""


def test_the_reasons_of_a_poor_picture_reach_the_client(client: FlaskClient) -> None:
    assert client.get("/poor").get_json()["details"] == {"reasons": ["blurred"]}


def test_what_went_wrong_inside_is_not_told(client: FlaskClient) -> None:
    assert "secret" not in client.get("/bug").get_data(as_text=True)


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.post("/poor")
    assert (answer.status_code, answer.get_json()["error"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
