"""`answer_with_problem_details`: makes every failure of a Flask app one JSON shape, RFC 9457.

The body is that of `models.errors.error_record`, so that page, API and shell report a failure alike, with the
members that the RFC names beside it. Only programs that serve pages import this: Flask is an extra.
"""

import json
import re
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, InternalServerError

from models.errors import DoorwardError, error_record

MEDIA_TYPE = "application/problem+json"


def answer_with_problem_details(app: Flask) -> None:
    """Register the handlers of `app`: for `DoorwardError`, and for HTTP errors such as 404, 405 and 500."""
    app.register_error_handler(DoorwardError, _of_failure)
    app.register_error_handler(HTTPException, _of_http_error)


def _of_failure(error: DoorwardError) -> Response:
    return _answer(error.status, error_record(error))


def _of_http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    name = HTTPStatus(status).phrase
    # What went wrong inside is for the log, not for whoever asked.
    internal = isinstance(error, InternalServerError)
    message = "the server failed: see its log" if internal else error.description or name
    code = re.sub(r"\W+", "_", name).lower()
    answer = _answer(status, {"error": code, "message": message, "details": {}})
    for header, value in error.get_headers():  # such as Allow and Retry-After
        if header.lower() not in ("content-type", "content-length"):
            answer.headers[header] = value
    return answer


def _answer(status: int, record: dict[str, Any]) -> Response:
    problem = {
        "type": f"urn:doorward:error:{record['error']}",
        "title": str(record["error"]).replace("_", " ").capitalize(),
        "status": int(status),
        "detail": record["message"],
    }
    return Response(json.dumps(problem | record), status=int(status), mimetype=MEDIA_TYPE)
