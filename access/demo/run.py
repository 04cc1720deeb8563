"""`run_headless`, `run_in_browser`: the demonstration as a summary, and as a page in the browser."""

import socket
import sys

import typer
from rich.table import Table

from access import printing
from access.demo import demonstration as show
from access.loop import DoorLoop
from models.cli.output import Console, LineType
from models.clock import SystemClock
from models.domain import Frame, LockState
from models.events import DoorEvent
from models.site import Site

HEADINGS = ("visit", "who came", "outcome", "reason", "score", "margin", "")


def run_headless(console: Console, site: Site, guests: list[show.Guest]) -> None:
    """Receive everyone and say how it went: in a terminal by a table at the end, else by a line per visit.

    Raises:
        typer.Exit: with status 1, when a visit went wrong.
    """
    table = Table(*HEADINGS, box=None)
    at_once = not sys.stdout.isatty()
    visited = []
    with console.progress("Visits", len(guests)) as advance:
        for visit in show.receive(site, guests):
            visited.append(visit)
            record = visit_record(visit)
            console.emit(LineType.DEMO_VISIT, record, _line(record) if at_once else None)
            table.add_row(*_cells(record))
            advance(1)
    summary = summarise(visited)
    if not at_once:
        console.show(table)
    verdict = "[bold green]all right[/]" if summary["right"] else "[bold red]WRONG[/]"
    console.emit(
        LineType.DEMO_SUMMARY,
        summary,
        f"\n{summary['enrolled_granted']} of {summary['enrolled_visits']} enrolled visitors got in, "
        f"{summary['strangers_granted']} of {summary['stranger_visits']} strangers did: {verdict}",
    )
    if not summary["right"]:
        raise typer.Exit(1)


def visit_record(visit: show.DemoVisit) -> dict[str, object]:
    """One visit, ready for JSON."""
    event = visit.event
    return {
        "visit": visit.guest.number + 1,
        "who": visit.guest.name or "stranger",
        "outcome": None if event is None else event.outcome,
        "reason": None if event is None else str(event.reason),
        "granted_to": visit.granted_to,
        "score": None if event is None else event.score,
        "margin": None if event is None else event.margin,
        "threshold": None if event is None else event.threshold,
        "right": visit.right,
    }


def summarise(visited: list[show.DemoVisit]) -> dict[str, object]:
    """How many of whom got in; `right` is True when every enrolled visitor did and no stranger."""
    enrolled = [visit for visit in visited if visit.guest.name is not None]
    strangers = [visit for visit in visited if visit.guest.name is None]
    return {
        "visits": len(visited),
        "enrolled_visits": len(enrolled),
        "enrolled_granted": sum(visit.right for visit in enrolled),
        "stranger_visits": len(strangers),
        "strangers_granted": sum(visit.granted_to is not None for visit in strangers),
        "right": all(visit.right for visit in visited),
    }


def _cells(record: dict[str, object]) -> list[str]:
    numbers = ["" if value is None else f"{value:.3f}" for value in (record["score"], record["margin"])]
    granted = record["outcome"] == "granted"
    outcome = "[green]granted[/]" if granted else str(record["outcome"] or "nothing")
    mark = "[green]right[/]" if record["right"] else f"[bold red]WRONG[/] {record['granted_to'] or ''}"
    return [str(record["visit"]), str(record["who"]), outcome, str(record["reason"] or ""), *numbers, mark]


def _line(record: dict[str, object]) -> str:
    visit, who, outcome, reason, score, margin, mark = _cells(record)
    numbers = f"score {score}, margin {margin}" if margin else f"score {score}" if score else ""
    padding = " " * (len("granted") - len(str(record["outcome"] or "nothing")))
    return f"{visit:>3}  {who:16}  {outcome}{padding}  {reason:16}  {numbers:27}  {mark}"


def run_in_browser(console: Console, site: Site, guests: list[show.Guest], listener: socket.socket) -> None:
    """Show the door in the browser until stopped.

    Args:
        console: for the address, and a line for each decision.
        site: the demo's.
        guests: who comes, again and again.
        listener: where the page is served.
    """
    from access.display.live_page import LiveBoard, create_app, serve
    from access.kiosk import stopped_by_signals

    names = show.names_in(site)
    zone = site.settings.site.time_zone
    board = LiveBoard(lambda person_id: names.get(person_id, "somebody"), zone)
    door = site.settings.door.id
    note = "A simulated door, and people who do not exist"
    threshold = site.view().threshold.value

    def show_frame(frame: Frame, loop: DoorLoop, state: LockState, events: list[DoorEvent]) -> None:
        for event in events:
            board.record(event)
            line = printing.event_line(event, names, printing.local_time(event.at, zone))
            console.emit(LineType.EVENT, printing.event_record(event, names), line)
        board.show(frame, loop.visible, state, threshold)

    with stopped_by_signals() as stop, serve(create_app(board, door, note), listener) as address:
        console.emit(
            LineType.ADDRESS,
            {"address": address},
            f"See the door at [bold]{address}[/] (on this machine alone). Stop with Ctrl+C.",
        )
        show.keep_open(site, guests, SystemClock(), stop.is_set, show_frame)
