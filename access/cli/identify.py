"""The commands `identify` and `verify`: who is on a photo, without a door, a lock or liveness."""

from pathlib import Path
from typing import Annotated

import typer

from access import printing
from access.stills import StillChecker
from models.cli.output import LineType, console_of
from models.errors import InputError, error_record
from models.site import open_site

app = typer.Typer()


@app.command()
def identify(
    ctx: typer.Context,
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Photos of one face each, as JPEG or PNG.")
    ],
) -> None:
    """Who is on the photo, out of everyone enrolled (1:N)?

    Judged as at the door, on one picture. Nothing checks that a living person
    was there. Exit status 1 when a photo could not be used.

    `doorward verify` compares with one person.
    """
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
def verify(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name the person is enrolled under.")],
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photo of one face.")],
) -> None:
    """Is it this person (1:1)?

    Compares the photo with one person alone, under a threshold of its own.
    Nothing checks that a living person was there. The outcome says it; the
    exit status is 0 for either.

    `doorward identify` searches everyone.
    """
    console = console_of(ctx)
    with open_site(console.settings) as site:
        checker = StillChecker(site)
        record = {"photo": str(photo)} | checker.verify(name, photo).to_record(checker.names)
    console.emit(LineType.PHOTO, record, printing.photo_line(record))
