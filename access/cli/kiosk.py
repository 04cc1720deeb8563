"""The commands `kiosk` and `replay`: the door itself, and its decisions on a clip."""

from pathlib import Path
from typing import Annotated

import typer

from access import printing
from models.cli.output import LineType, console_of
from models.site import open_site

app = typer.Typer()


@app.command()
def kiosk(ctx: typer.Context) -> None:
    """Watch the door's camera and open its lock until stopped; a line for each decision.

    Where the camera is and what opens is set by camera.source and lock.kind,
    in doorward.toml in the home, or by the variables
    DOORWARD_CAMERA__SOURCE and DOORWARD_LOCK__KIND.

    `doorward config show` prints what is in force, `doorward doctor` tries it.
    """
    from access.kiosk import run_kiosk
    from access.logs import configure_logging
    from access.signals import stopped_by_signals

    console = console_of(ctx)
    configure_logging(console.settings.log, console.settings.site.time_zone)
    with stopped_by_signals() as stop:
        run_kiosk(console.settings, stop)


@app.command()
def replay(
    ctx: typer.Context, clip: Annotated[Path, typer.Argument(metavar="CLIP", help="A video file.")]
) -> None:
    """Show what the door would decide on a recorded clip: a line for each decision.

    Nothing opens and nothing is recorded. The times are places in the clip.
    """
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
