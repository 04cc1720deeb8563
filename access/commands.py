"""Commands at the door: look at photos and clips, run the door, list what happened."""

from pathlib import Path
from typing import Annotated

import typer

from access import demo_commands, doctor, printing
from access.replay import replay_clip
from access.stills import StillChecker
from models.console import console_of
from models.errors import InputError
from models.site import open_register, open_site

app = typer.Typer()
app.registered_commands += doctor.app.registered_commands + demo_commands.app.registered_commands


@app.command()
def identify(ctx: typer.Context, photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...")]) -> None:
    """Who is on each photo (1:N)? Without liveness. Exit status 1 when a photo could not be used."""
    console = console_of(ctx)
    failed = False
    with open_site(console.settings) as site:
        checker = StillChecker(site)
        for photo in photos:
            try:
                summary = {"photo": str(photo)} | checker.identify(photo).summary(checker.names)
            except InputError as error:
                failed = True
                summary = {"photo": str(photo), "outcome": "failed", **printing.failure(error)}
            console.emit(summary, printing.still_line(summary))
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(ctx: typer.Context, name: str, photo: Path) -> None:
    """Is this NAME (1:1)? Without liveness. The outcome says it; the exit status is 0 for either."""
    console = console_of(ctx)
    with open_site(console.settings) as site:
        checker = StillChecker(site)
        summary = {"photo": str(photo)} | checker.verify(name, photo).summary(checker.names)
    console.emit(summary, printing.still_line(summary))


@app.command()
def replay(ctx: typer.Context, clip: Annotated[Path, typer.Argument(help="A video file.")]) -> None:
    """The door's loop on a clip, with the clip's own clock: a line for each decision. Nothing opens."""
    console = console_of(ctx)
    with open_site(console.settings) as site:
        names = {person.person_id: person.name for person in site.register.people()}
        for event in replay_clip(site, clip):
            console.emit(
                printing.event_record(event, names),
                printing.event_line(event, names, f"{event.captured_at_s:7.2f} s"),
            )


@app.command()
def kiosk(ctx: typer.Context) -> None:
    """Watch the configured camera and open the configured lock until stopped."""
    from access.kiosk import log_events, run_kiosk, stopped_by_signals
    from access.logs import configure_logging

    console = console_of(ctx)
    configure_logging(console.settings.log)
    with stopped_by_signals() as stop:
        run_kiosk(console.settings, stop, log_events)


@app.command()
def events(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest.")] = 20,
) -> None:
    """The last decisions at the door, the oldest of them first."""
    console = console_of(ctx)
    table = printing.stored_table()
    with open_register(console.settings) as register:
        names = {person.person_id: person.name for person in register.people()}
        for event in register.events(limit=limit):
            record = printing.stored_record(event, names)
            table.add_row(*printing.stored_cells(record))
            console.emit(record)
    if not console.json:
        console.emit({}, table if table.row_count else "Nothing has happened yet.")
