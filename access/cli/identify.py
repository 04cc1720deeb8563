"""The commands `identify` and `verify`: who is on a photo, without a door, a lock or liveness."""

from pathlib import Path
from typing import Annotated

import typer

from access.cli import printing
from access.stills import StillChecker
from models.cli.output import LineType, console_of
from models.errors import InputError, error_record
from models.site import open_site

app = typer.Typer()


@app.command()
def identify(ctx: typer.Context, photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...")]) -> None:
    """Who is on each photo (1:N)? Without liveness. Exit status 1 when a photo could not be used."""
    console = console_of(ctx)
    failed = False
    with open_site(console.settings) as site:
        checker = StillChecker(site)
        for photo in photos:
            try:
                record = checker.identify(photo).to_record(checker.names)
            except InputError as error:
                failed = True
                record = {"outcome": "failed", **error_record(error)}
            record = {"photo": str(photo)} | record
            console.emit(LineType.PHOTO, record, printing.photo_line(record))
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(ctx: typer.Context, name: str, photo: Path) -> None:
    """Is this NAME (1:1)? Without liveness. The outcome says it; the exit status is 0 for either."""
    console = console_of(ctx)
    with open_site(console.settings) as site:
        checker = StillChecker(site)
        record = {"photo": str(photo)} | checker.verify(name, photo).to_record(checker.names)
    console.emit(LineType.PHOTO, record, printing.photo_line(record))
