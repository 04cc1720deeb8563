"""The command `demo`: all the visits at once, or in the browser for as long as a person likes to look."""

from typing import Annotated

import typer
from rich.table import Table

from access import demo as show
from access import printing
from access.events import DoorEvent
from access.loop import DoorLoop
from models.clock import SystemClock
from models.console import Console, console_of
from models.domain import Frame, LockState
from models.site import Site, open_site

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    headless: Annotated[
        bool, typer.Option("--headless", help="All visits at once; exit status 1 when one went wrong.")
    ] = False,
    visits: Annotated[int, typer.Option(min=1, help="How many come to the door.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another set of people.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the page is shown; 0: any.")] = 8080,
) -> None:
    """Enrol people who do not exist; they and strangers come to a door, in the browser or headless."""
    console = console_of(ctx)
    settings = show.prepare_home(console.settings)
    with console.progress("Drawing people", show.ENROLLED) as advance:
        photos = show.draw_photos(settings, seed, advance)
    with console.progress("Enrolling them", None):
        show.enrol(settings, photos)
    with open_site(settings) as site:
        guests = show.invite(visits, seed, show.names_in(site).values())
        if headless:
            run_headless(console, site, guests)
        else:
            stay_open(console, site, guests, port)


def run_headless(console: Console, site: Site, guests: list[show.Guest]) -> None:
    """Receive everyone and say how it went. Raises typer.Exit(1) when a visit went wrong."""
    table = Table("visit", "who came", "outcome", "reason", "score", "margin", "", box=None)
    outcomes = []
    with console.progress("Visits", len(guests)) as advance:
        for outcome in show.receive(site, guests):
            outcomes.append(outcome)
            record = visit_record(outcome)
            if console.json:
                console.emit(record)
            table.add_row(*_cells(record))
            advance(1)
    summary = summarise(outcomes)
    if not console.json:
        console.emit({}, table)
    verdict = "[bold green]all right[/]" if summary["right"] else "[bold red]WRONG[/]"
    console.emit(
        summary,
        f"\n{summary['enrolled_granted']} of {summary['enrolled_visits']} enrolled visitors got in, "
        f"{summary['strangers_granted']} of {summary['stranger_visits']} strangers did: {verdict}",
    )
    if not summary["right"]:
        raise typer.Exit(1)


def visit_record(outcome: show.Outcome) -> dict[str, object]:
    """One visit, ready for JSON."""
    event = outcome.event
    return {
        "visit": outcome.guest.number + 1,
        "who": outcome.guest.name or "stranger",
        "outcome": None if event is None else event.outcome,
        "reason": None if event is None else str(event.reason),
        "granted_to": outcome.granted_to,
        "score": None if event is None else event.score,
        "margin": None if event is None else event.margin,
        "threshold": None if event is None else event.threshold,
        "right": outcome.right,
    }


def summarise(outcomes: list[show.Outcome]) -> dict[str, object]:
    """How many of whom got in; `right` is True when every enrolled visitor did and no stranger."""
    enrolled = [outcome for outcome in outcomes if outcome.guest.name is not None]
    strangers = [outcome for outcome in outcomes if outcome.guest.name is None]
    return {
        "visits": len(outcomes),
        "enrolled_visits": len(enrolled),
        "enrolled_granted": sum(outcome.right for outcome in enrolled),
        "stranger_visits": len(strangers),
        "strangers_granted": sum(outcome.granted_to is not None for outcome in strangers),
        "right": all(outcome.right for outcome in outcomes),
    }


def _cells(record: dict[str, object]) -> list[str]:
    numbers = ["" if value is None else f"{value:.3f}" for value in (record["score"], record["margin"])]
    granted = record["outcome"] == "granted"
    outcome = "[green]granted[/]" if granted else str(record["outcome"] or "nothing")
    mark = "[green]right[/]" if record["right"] else f"[bold red]WRONG[/] {record['granted_to'] or ''}"
    return [str(record["visit"]), str(record["who"]), outcome, str(record["reason"] or ""), *numbers, mark]


def stay_open(console: Console, site: Site, guests: list[show.Guest], port: int) -> None:
    """Show the door in the browser until stopped."""
    from access.kiosk import stopped_by_signals
    from access.live_page import LiveBoard, create_app, serve

    names = show.names_in(site)
    board = LiveBoard(lambda person_id: names.get(person_id, "somebody"))
    door = site.settings.door.id
    note = "A simulated door, and people who do not exist"
    threshold = site.threshold().value

    def tell(frame: Frame, loop: DoorLoop, state: LockState, events: list[DoorEvent]) -> None:
        for event in events:
            board.record(event)
            line = printing.event_line(event, names, f"{event.at:%H:%M:%S}")
            console.emit(printing.event_record(event, names), line)
        board.show(frame, loop.visible, state, threshold)

    with stopped_by_signals() as stop, serve(create_app(board, door, note), port) as address:
        console.emit(
            {"address": address},
            f"See the door at [bold]{address}[/] (on this machine alone). Stop with Ctrl+C.",
        )
        show.keep_open(site, guests, SystemClock(), stop.is_set, tell)
