"""How decisions are written on a terminal and as JSON."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from access.events import DoorEvent
from access.words import words_of
from models.domain import ADVICE, PersonId, QualityReason
from models.errors import DoorwardError
from models.register.records import Event

STYLES = {
    "granted": "bold green",
    "denied": "red",
    "fault": "bold yellow",
    "match": "bold green",
    "no_match": "red",
    "failed": "bold yellow",
}


def failure(error: DoorwardError) -> dict[str, str]:
    """A typed failure as the shell writes it."""
    return {"error": type(error).__name__, "message": str(error)}


def event_record(event: DoorEvent, names: Mapping[PersonId, str]) -> dict[str, Any]:
    """An event for JSON, people by name and by id."""
    return event.summary() | {
        "person": _name(event.person_id, names),
        "runner_up_name": _name(event.runner_up, names),
        "detail": event.detail,
        "stages_ms": dict(event.stages_ms),
    }


def event_line(event: DoorEvent, names: Mapping[PersonId, str], when: str) -> str:
    """An event as a line of text, `when` first: a time of day, or a place in a clip."""
    who = "" if event.track is None else f"track {event.track}"
    said = _said(event.outcome, event.reason, event.detail, [ADVICE[reason] for reason in event.advice])
    scores = _scores(event.score, event.runner_up_score, event.threshold, _name(event.person_id, names))
    return f"{when}  {who:9} {_styled(event.outcome)}  {said}{scores}"


def still_line(summary: Mapping[str, Any]) -> str:
    """What a photo says, as a line of text."""
    outcome, photo = summary["outcome"], escape(str(summary["photo"]))
    if outcome == "failed":
        return f"{photo}: {_styled(outcome)} {escape(summary['message'])}"
    advice = [ADVICE[QualityReason(reason)] for reason in summary["advice"]]
    person = summary["person"]
    said = escape(str(person)) if outcome == "match" else _said(outcome, summary["reason"], "", advice)
    scores = _scores(summary["score"], summary["runner_up_score"], summary["threshold"], person)
    return f"{photo}: {_styled(outcome)} {said}{scores}"


def stored_record(event: Event, names: Mapping[PersonId, str]) -> dict[str, Any]:
    """An event out of the register for JSON."""
    score, runner_up_score = event.score, event.runner_up_score
    return {
        "at": event.at.isoformat(timespec="milliseconds"),
        "door": event.door,
        "track": event.track,
        "outcome": event.outcome,
        "reason": event.reason,
        "person": _name(event.person_id, names),
        "person_id": event.person_id,
        "score": score,
        "runner_up": event.runner_up,
        "runner_up_score": runner_up_score,
        "margin": None if score is None or runner_up_score is None else score - runner_up_score,
        "threshold": event.threshold,
        "release": event.release,
        "quality": event.quality,
        "stages_ms": event.stages_ms,
        "frames": event.frames,
    }


def stored_table() -> Table:
    """An empty table for `stored_cells`."""
    columns = ("time (UTC)", "outcome", "reason", "most alike", "score", "needed", "margin")
    return Table(*columns, box=None)


def stored_cells(record: Mapping[str, Any]) -> list[str]:
    """A row of `stored_table`."""
    numbers = [record[key] for key in ("score", "threshold", "margin")]
    return [
        record["at"][:19].replace("T", " "),
        _styled(record["outcome"]),
        record["reason"],
        escape(record["person"] or ""),
        *("" if number is None else f"{number:.3f}" for number in numbers),
    ]


def _name(person_id: PersonId | None, names: Mapping[PersonId, str]) -> str | None:
    return None if person_id is None else names.get(person_id)


def _styled(outcome: str) -> str:
    return f"[{STYLES[outcome]}]{outcome}[/]"


def _said(outcome: str, reason: str, detail: str, advice: list[str]) -> str:
    words = "" if outcome == "granted" else words_of(reason)
    return ". ".join(escape(part.rstrip(".")) for part in (words, detail, *advice) if part)


def _scores(score: float | None, next_score: float | None, threshold: float | None, name: str | None) -> str:
    if score is None or threshold is None:
        return ""
    next_words = "" if next_score is None else f", next {next_score:.3f}"
    return f"  [dim]{escape(name or 'somebody')} {score:.3f}{next_words}, needed {threshold:.3f}[/]"
