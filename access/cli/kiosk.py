"""The commands `kiosk` and `replay`: the door itself, and its decisions on a clip."""

from pathlib import Path
from typing import Annotated

import typer

from access.cli import printing
from models.cli.output import LineType, console_of
from models.site import open_site

app = typer.Typer()


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
def replay(ctx: typer.Context, clip: Annotated[Path, typer.Argument(help="A video file.")]) -> None:
    """The door's loop on a clip, with the clip's own clock: a line for each decision. Nothing opens."""
    from access.replay import replay_clip

    console = console_of(ctx)
    with open_site(console.settings) as site:
        names = {person.person_id: person.name for person in site.register.people()}
        for event in replay_clip(site, clip):
            console.emit(
                LineType.EVENT,
                printing.event_record(event, names),
                printing.event_line(event, names, f"{event.clip_s or 0.0:7.2f} s"),
            )
