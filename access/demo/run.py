"""`run_headless`, `run_in_browser`: the demonstration as a summary, and as a page in the browser."""

import socket
import sys
import threading

import typer
from rich.table import Table

from access import printing
from access.demo import demonstration as show
from access.demo.acts import (
    ACTS,
    FRONT,
    LABORATORY,
    PIN,
    ActResult,
    play_acts,
    scene_at_the_laboratory,
)
from access.loop import DoorLoop
from models.cli.output import Console, LineType
from models.clock import SystemClock
from models.domain import Frame, LockState
from models.events import DoorEvent
from models.site import Site

HEADINGS = ("visit", "who came", "outcome", "reason", "score", "margin", "")


def run_headless(console: Console, site: Site, guests: list[show.Guest], seed: int) -> None:
    """Receive everyone, play the acts, and say how it went: a table at the end, or a line for each.

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
    if not at_once:
        console.show(table)
    acted = _play_acts(console, site, seed)
    summary = summarise(visited, acted)
    verdict = "[bold green]all right[/]" if summary["right"] else "[bold red]WRONG[/]"
    console.emit(
        LineType.DEMO_SUMMARY,
        summary,
        f"\n{summary['enrolled_granted']} of {summary['enrolled_visits']} enrolled visitors got in, "
        f"{summary['strangers_granted']} of {summary['stranger_visits']} strangers did, "
        f"{summary['acts_right']} of {summary['acts']} scenes with rules went as they had to: {verdict}",
    )
    if not summary["right"]:
        raise typer.Exit(1)


def _play_acts(console: Console, site: Site, seed: int) -> list[ActResult]:
    """Play the acts at two doors; a line for each."""
    console.show("\nTwo doors with rules: the front door by the face, the laboratory by face and PIN\n")
    results = []
    with console.progress("Scenes", len(ACTS)) as advance:
        for result in play_acts(site, seed):
            results.append(result)
            record = act_record(result)
            console.emit(LineType.DEMO_ACT, record, _act_line(record))
            advance(1)
    return results


def act_record(result: ActResult) -> dict[str, object]:
    """One act, ready for JSON."""
    return {
        "title": result.act.title,
        "door": result.act.door,
        "expected": [" ".join(each) for each in result.act.expected],
        "happened": [" ".join(each) for each in result.happened],
        "right": result.right,
    }


def _act_line(record: dict[str, object]) -> str:
    happened = ", ".join(str(each) for each in record["happened"])  # type: ignore[attr-defined]
    mark = "[green]right[/]" if record["right"] else "[bold red]WRONG[/]"
    return f"{record['door']:10}  {record['title']:52}  {happened}  {mark}"


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


def summarise(visited: list[show.DemoVisit], acted: list[ActResult]) -> dict[str, object]:
    """How many of whom got in; `right`: every enrolled visitor did, no stranger, and every act went well."""
    enrolled = [visit for visit in visited if visit.guest.name is not None]
    strangers = [visit for visit in visited if visit.guest.name is None]
    return {
        "visits": len(visited),
        "enrolled_visits": len(enrolled),
        "enrolled_granted": sum(visit.right for visit in enrolled),
        "stranger_visits": len(strangers),
        "strangers_granted": sum(visit.granted_to is not None for visit in strangers),
        "acts": len(acted),
        "acts_right": sum(result.right for result in acted),
        "right": all(visit.right for visit in visited) and all(result.right for result in acted),
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


def run_in_browser(
    console: Console, site: Site, guests: list[show.Guest], listener: socket.socket, seed: int
) -> None:
    """Show two doors in the browser until stopped: a page for the operator, and a display at each door.

    Args:
        console: for the addresses, and a line for each decision.
        site: the demo's.
        guests: who comes to the front door, again and again.
        listener: where the operator's page is served.
        seed: of the demo's people.
    """
    from access.demo.screens import demo_door, keep_open
    from access.display.live_page import LiveBoard, create_app, serve
    from access.signals import stopped_by_signals

    names = show.names_in(site)
    zone = site.settings.site.time_zone
    board = LiveBoard(lambda person_id: names.get(person_id, "somebody"), zone)
    note = "A simulated door, and people who do not exist"
    clock = SystemClock()

    def hear(events: list[DoorEvent]) -> None:
        for event in events:
            line = printing.event_line(event, names, printing.local_time(event.at, zone))
            console.emit(LineType.EVENT, printing.event_record(event, names), line)

    with (
        stopped_by_signals() as stop,
        demo_door(site, FRONT, clock) as front,
        demo_door(site, LABORATORY, clock) as laboratory,
        serve(create_app(board, FRONT, note), listener) as address,
    ):

        def show_front(frame: Frame, loop: DoorLoop, state: LockState, events: list[DoorEvent]) -> None:
            for event in events:
                board.record(event)
            hear(events)
            board.show(frame, loop.visible, state, front.threshold)

        def show_laboratory(
            _frame: Frame, _loop: DoorLoop, _state: LockState, events: list[DoorEvent]
        ) -> None:
            hear(events)

        scene = scene_at_the_laboratory(site, seed)
        thread = threading.Thread(
            target=lambda: keep_open(laboratory, scene, clock, stop.is_set, show_laboratory),
            name="laboratory",
        )
        console.emit(
            LineType.ADDRESS,
            {"address": address, "displays": {FRONT: front.address, LABORATORY: laboratory.address}},
            f"See the front door at [bold]{address}[/], its display at [bold]{front.address}[/],\n"
            f"and the display of the laboratory, where the PIN is {PIN}, at [bold]{laboratory.address}[/]\n"
            "(all on this machine alone). Stop with Ctrl+C.",
        )
        thread.start()
        try:
            keep_open(front, show.scene_of(guests, show.LEISURELY), clock, stop.is_set, show_front)
        finally:
            stop.set()
            thread.join()
