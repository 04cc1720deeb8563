"""`event_line`, `event_record`, `events_csv`: decisions for a terminal, as JSON and as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.markup import escape
from rich.table import Table

from models.domain import PersonId, QualityReason
from models.events import RECOGNISED, DoorEvent, EventKind
from models.messages import ADVICE_MESSAGE, message_for, picture_message

STYLES = {
    "granted": "bold green",
    "denied": "red",
    "fault": "bold yellow",
    "unlocked": "green",
    "not_unlocked": "bold yellow",
    "match": "bold green",
    "no_match": "red",
    "failed": "bold yellow",
    "alarm": "bold red",
    "cleared": "green",
    "notice": "cyan",
}


def event_record(event: DoorEvent, names: Mapping[PersonId, str]) -> dict[str, Any]:
    """An event for JSON: `DoorEvent.to_record`, and the names of the people in it."""
    return event.to_record() | {
        "person_name": _name(event.person_id, names),
        "runner_up_name": _name(event.runner_up_id, names),
    }


CSV_COLUMNS = (
    *(
        "event_id",
        "intent_id",
        "at",
        "door",
        "track",
        "outcome",
        "reason",
        "person_name",
        "person_id",
        "score",
    ),
    *("runner_up_name", "runner_up_id", "runner_up_score", "threshold", "margin", "advice", "detail"),
    *("release", "frames", "face_px", "clip_s", "factors"),
)
"""Fields of an event and, of its picture's quality, the size of the face; JSON has the rest."""


def events_csv(events: Iterable[DoorEvent], names: Mapping[PersonId, str]) -> str:
    """Events as CSV with a header; a cell is empty where a value is absent, advice is divided by spaces."""
    out = io.StringIO()
    rows = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    for event in events:
        size = None if event.quality is None else event.quality.face_px
        record = event_record(event, names) | {"face_px": size}
        record |= {key: " ".join(record[key]) for key in ("advice", "factors")}
        rows.writerow({key: _cell(value) for key, value in record.items()})
    return out.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would calculate, such as a person called `=1+1`, stays a text (OWASP)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def event_line(event: DoorEvent, names: Mapping[PersonId, str], when: str) -> str:
    """An event as a line of text, `when` first: a time of day, or a place in a clip."""
    who = "" if event.track is None else f"track {event.track}"
    name = _name(event.person_id, names)
    scores = _scores(event.score, event.runner_up_score, event.threshold, name)
    said = event_message(event)
    if event.kind is EventKind.ACTION:
        said = ". ".join(part for part in (escape(name or "somebody"), said) if part)
    return f"{when}  {who:9} {_styled(event.outcome)}  {said}{scores}"


def event_message(event: DoorEvent) -> str:
    """Why, in words: the reason, the cause, what was wrong with the pictures. Nothing where all is well."""
    reason = "" if event.reason == RECOGNISED else message_for(event.reason)
    parts = (reason, event.detail, *(ADVICE_MESSAGE[each] for each in event.advice))
    return ". ".join(escape(part.rstrip(".")) for part in parts if part)


def photo_line(record: Mapping[str, Any]) -> str:
    """What a photo says, as a line of text."""
    outcome, photo = record["outcome"], escape(str(record["photo"]))
    if outcome == "failed":
        return f"{photo}: {_styled(outcome)} {escape(record['message'])}"
    name = record["person_name"]
    if outcome == "match":
        said = escape(str(name))
    else:
        wrong = picture_message(tuple(QualityReason(reason) for reason in record["advice"]))
        said = ". ".join(escape(part) for part in (message_for(record["reason"]), wrong) if part)
    scores = _scores(record["score"], record["runner_up_score"], record["threshold"], name)
    return f"{photo}: {_styled(outcome)} {said}{scores}"


def zone_name(zone: tzinfo | None) -> str:
    """What people call a time zone; of None, the machine's."""
    return str(datetime.now(UTC).astimezone().tzname() if zone is None else zone)


def local_time(at: datetime, zone: tzinfo | None) -> str:
    """The time of day in a zone, with its name: `08:01:12 CET`; None for the machine's zone."""
    return f"{at.astimezone(zone):%H:%M:%S %Z}"


def events_table(zone: tzinfo | None) -> Table:
    """An empty table for `event_cells` with times of this zone; None for the machine's."""
    table = Table(box=None)
    for name, width in ((f"time ({zone_name(zone)})", 19), ("outcome", 12), ("score", 5), ("needed", 6)):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("door", overflow="fold", max_width=12)
    table.add_column("who or why", overflow="fold")
    return table


def event_cells(event: DoorEvent, names: Mapping[PersonId, str], zone: tzinfo | None) -> list[str]:
    """A row of `events_table`, which has the same zone."""
    zone_time = event.at.astimezone(zone)
    name = escape(_name(event.person_id, names) or "")
    why = event_message(event)
    said = name if event.reason == RECOGNISED else f"{why} [dim]({name})[/]" if name else why
    numbers = ["" if number is None else f"{number:.3f}" for number in (event.score, event.threshold)]
    return [f"{zone_time:%Y-%m-%d %H:%M:%S}", _styled(event.outcome), *numbers, escape(event.door), said]


def _name(person_id: PersonId | None, names: Mapping[PersonId, str]) -> str | None:
    return None if person_id is None else names.get(person_id)


def _styled(outcome: str) -> str:
    return f"[{STYLES[outcome]}]{outcome}[/]"


def _scores(score: float | None, next_score: float | None, threshold: float | None, name: str | None) -> str:
    if score is None or threshold is None:
        return ""
    next_words = "" if next_score is None else f", next {next_score:.3f}"
    return f"  [dim]{escape(name or 'somebody')} {score:.3f}{next_words}, needed {threshold:.3f}[/]"
