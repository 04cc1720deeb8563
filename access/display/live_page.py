"""`create_app`, `serve`: the page that shows the door of the demo. Only the demo imports this, no kiosk."""

import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import tzinfo
from typing import Any

import cv2
from flask import Flask, Response, render_template

from access.display import page_server
from access.display.page_server import HOSTS, serve
from access.printing import local_time, zone_name
from access.visit import PENDING, Visit
from models.domain import Deny, DenyReason, Frame, Grant, ImageArray, LockState, PersonId
from models.errors import CameraLostError
from models.events import FAILURES, RECOGNISED, DoorEvent, EventKind
from models.messages import LOCK_MESSAGE, RESTING_MESSAGE, advice_for, headline_for, message_for
from models.problem_details import answer_with_problem_details

__all__ = ["LiveBoard", "create_app", "listen_on", "mark_faces", "serve", "state_of"]

DECISIONS_SHOWN = 12
JPEG_QUALITY = 85
COLOURS = {
    "granted": (96, 200, 60),
    "denied": (90, 90, 240),
    "fault": (0, 170, 255),
    "looking": (230, 160, 90),
}
"""Of the frames around faces, BGR; the word beside each says the same."""
FAULTS = frozenset(
    {
        DenyReason.CAMERA_FAULT,
        DenyReason.MODEL_FAULT,
        DenyReason.REGISTER_FAULT,
        DenyReason.LOCK_FAULT,
        DenyReason.STALE_FRAME,
    }
)


class LiveBoard:
    """What the page shows: written by the door's thread, read by the web server's.

    Args:
        name_of: a person's name, for the welcome and the list.
        zone: the time zone of the list; None for the machine's.
    """

    def __init__(self, name_of: Callable[[PersonId], str], zone: tzinfo | None = None) -> None:
        self._name_of, self._zone = name_of, zone
        self.zone_name = zone_name(zone)
        self._guard = threading.Lock()
        self._decisions: deque[dict[str, Any]] = deque(maxlen=DECISIONS_SHOWN)
        self._counts = Counter[str]()
        self._picture = b""
        self._standing: dict[str, Any] = self._describe(None)
        self._lock_state = LockState.LOCKED

    def record(self, event: DoorEvent) -> None:
        """Add a decision to the list; what became of a grant takes the place of the grant's outcome."""
        with self._guard:
            self._counts[event.outcome] += 1
            if event.kind is not EventKind.ACTION:
                shown = {"message": self._message(event), "time": local_time(event.at, self._zone)}
                self._decisions.appendleft(event.to_record() | shown)
            for line in self._decisions:
                if line["event_id"] == event.intent_id is not None:
                    line |= {"outcome": event.outcome, "message": self._message(event)}

    def show(self, frame: Frame, visits: list[Visit], lock_state: LockState, threshold: float) -> None:
        """Show a picture with everyone in it, and the verdict on the largest face."""
        marked = mark_faces(frame.image, visits)
        _, encoded = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        standing = self._describe(visits[0] if visits else None) | {"threshold": threshold}
        with self._guard:
            self._picture, self._standing, self._lock_state = encoded.tobytes(), standing, lock_state

    def picture(self) -> bytes:
        """The latest picture as JPEG; empty before the first."""
        with self._guard:
            return self._picture

    def state(self) -> dict[str, Any]:
        """All that the page's words need, ready for JSON."""
        with self._guard:
            counts = self._counts
            failed = sum(counts[outcome] for outcome in FAILURES)
            return self._standing | {
                "lock": self._lock_state.value,
                "lock_message": LOCK_MESSAGE[self._lock_state],
                "decisions": list(self._decisions),
                "decided": sum(counts.values()),
                "counts": f"{counts['unlocked']} let in, {counts['denied']} denied, {failed} out of order",
            }

    def _describe(self, visit: Visit | None) -> dict[str, Any]:
        if visit is None:
            return {
                "state": "waiting",
                "headline": "Nobody is at the door",
                "advice": [],
                "score": None,
                "threshold": None,
            }
        decision = visit.decision
        best = None if visit.result is None else visit.result.best
        welcome = f"Welcome, {self._name_of(decision.person_id)}" if isinstance(decision, Grant) else None
        return {
            "state": state_of(visit),
            "headline": RESTING_MESSAGE if visit.resting else welcome or headline_for(decision),
            "advice": advice_for(decision),
            "score": None if best is None else best.score,
        }

    def _message(self, event: DoorEvent) -> str:
        if event.reason == RECOGNISED and event.person_id is not None:
            return self._name_of(event.person_id)
        return message_for(event.reason)


def state_of(visit: Visit) -> str:
    """How a track stands: granted, denied, fault, or looking: a good picture may still change everything."""
    match visit.decision:
        case _ if visit.resting:
            return "denied"
        case Grant():
            return "granted"
        case Deny(reason) if reason in FAULTS:
            return "fault"
        case Deny(reason) if reason not in PENDING:
            return "denied"
        case _:
            return "looking"


def mark_faces(image: ImageArray, visits: list[Visit]) -> ImageArray:
    """A copy of the picture, uint8 (H, W, 3), BGR, with a frame and a word for each track."""
    marked = image.copy()
    for visit in visits:
        state = state_of(visit)
        box = visit.face.box
        left, top = round(box.left), round(box.top)
        colour = COLOURS[state]
        cv2.rectangle(marked, (left, top), (round(box.right), round(box.bottom)), colour, 2, cv2.LINE_AA)
        label = f"{visit.track_id} {state}"
        (width, height), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
        base = max(top, height + 10)
        cv2.rectangle(marked, (left - 1, base - height - 10), (left + width + 8, base), colour, cv2.FILLED)
        cv2.putText(
            marked,
            label,
            (left + 4, base - 5),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            (20, 20, 20),
            1,
            cv2.LINE_AA,
        )
    return marked


def create_app(board: LiveBoard, door: str, note: str) -> Flask:
    """The page of one door. It reads the board and changes nothing."""
    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = list(HOSTS)
    answer_with_problem_details(app)

    @app.get("/")
    def page() -> str:
        return render_template("door.html", door=door, note=note, zone=board.zone_name)

    @app.get("/picture.jpg")
    def picture() -> Response:
        data = board.picture()
        if not data:
            raise CameraLostError("the camera has delivered no picture yet: try again")
        return Response(data, mimetype="image/jpeg")

    @app.get("/state")
    def state() -> dict[str, Any]:
        return board.state()

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def listen_on(port: int) -> AbstractContextManager[socket.socket]:
    """Take the page's port while inside; 0 takes a free one. Raises ConfigError: the port is taken."""
    return page_server.listen_on(port, 'choose another by --port 8081, with make by DEMO="--port 8081"')
