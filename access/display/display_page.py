"""`create_app`: the page of the screen beside the door, for the browser of the same machine alone.

It shows what `FeedClient` knows and passes the keys of its PIN pad on; it decides nothing. `doorward display`
serves it in a process of its own, so that the kiosk needs no web framework.
"""

import json
import secrets
import threading
from collections.abc import Iterator

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable, UnsupportedMediaType

from access.display.client import FeedClient
from access.display.page_server import HOSTS
from access.display.wire import HEARTBEAT_S, KEYS
from access.display.words import Words, words_of
from models.problem_details import answer_with_problem_details
from models.settings.display import DisplaySettings

MAX_STREAMS = 4
THREADS = 2 * MAX_STREAMS
"""Half of them stay free for pictures and keys while every stream is taken."""

MAX_KEY_BYTES = 64
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


def create_app(client: FeedClient, settings: DisplaySettings) -> Flask:
    """The page of one door.

    Args:
        client: what the kiosk says; entered by the caller.
        settings: the table `[display]`.
    """
    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = list(HOSTS)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the first language stays the first
    app.config["MAX_CONTENT_LENGTH"] = MAX_KEY_BYTES
    answer_with_problem_details(app)
    words = {language: words_of(language) for language in settings.languages}
    start = secrets.token_hex(8)
    free_streams = threading.BoundedSemaphore(MAX_STREAMS)

    @app.get("/")
    def page() -> str:
        first = settings.languages[0]
        return render_template("display.html", settings=settings, language=first, words=words[first])

    @app.get("/words")
    def all_words() -> dict[str, Words]:
        return {str(language): each for language, each in words.items()}

    @app.get("/states")
    def states() -> Response:
        if not free_streams.acquire(blocking=False):
            raise ServiceUnavailable(f"at most {MAX_STREAMS} pages can follow the door at once")
        answer = Response(_state_events(client, start), mimetype="text/event-stream")
        answer.call_on_close(free_streams.release)
        return answer

    @app.get("/picture.jpg")
    def picture() -> Response:
        content = client.picture()
        if not content:
            raise ServiceUnavailable("there is no picture to show now")
        return Response(content, mimetype="image/jpeg")

    @app.post("/keys")
    def keys() -> Response:
        if not client.press(_key_of_request()):
            raise ServiceUnavailable("the kiosk does not answer: the key is lost")
        return Response(status=204)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return app


def _key_of_request() -> str:
    """The key that the page sent.

    Raises:
        Forbidden: another page sent it.
        UnsupportedMediaType, BadRequest: this page would not have written it so.
    """
    if request.headers.get("Origin") != request.host_url.rstrip("/"):
        raise Forbidden("only the display's own page may press keys")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("a key is sent as JSON")
    body = request.get_json()
    key = body.get("key") if isinstance(body, dict) else None
    # Not a word of the key itself in errors, which may be logged: it is a digit of somebody's PIN.
    if not isinstance(key, str) or key not in KEYS:
        raise BadRequest('a key is sent as {"key": "5"}: one of 0 to 9, * and #')
    return key


def _state_events(client: FeedClient, start: str) -> Iterator[str]:
    """Server-Sent Events: the whole state in each, so that a page that comes back needs only the next.

    Args:
        client: what the kiosk says.
        start: of this process; a page that was loaded from another one loads itself again.
    """
    number = 0
    while not client.closing:
        number, state = client.next_state(number, HEARTBEAT_S)
        content = json.dumps({"start": start, "state": state.to_record()}, allow_nan=False)
        yield f"id: {number}\ndata: {content}\n\n"
