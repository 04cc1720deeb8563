"""The command `enroll`: a person by name and pictures, or many people from a folder."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from enrollment.bulk import FolderResult, enrol_folders, person_folders
from enrollment.desk import open_desk
from enrollment.enrol import Enrolment
from enrollment.pictures import NamedPicture
from models.cli.output import Console, LineType, console_of
from models.errors import ConsentError, InputError
from models.events import quality_record
from models.vision.pictures import read_picture

app = typer.Typer()


@app.command()
def enroll(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The person's name.")] = None,
    photos: Annotated[list[Path] | None, typer.Argument(help="Pictures of that person alone.")] = None,
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Enrol many: a folder that holds a folder of pictures per person.")
    ] = None,
    consent: Annotated[
        str | None, typer.Option(help="What was agreed to, in words; default: the setting site.consent.")
    ] = None,
    allow_training: Annotated[
        bool, typer.Option("--allow-training", help="The consent covers training on these pictures.")
    ] = False,
    allow_duplicate: Annotated[
        bool, typer.Option("--allow-duplicate", help="Enrol a face that is enrolled under another name.")
    ] = False,
    photos_per_person: Annotated[
        int | None, typer.Option(min=1, help="With --folder: only the first so many files of each person.")
    ] = None,
    largest_face: Annotated[
        bool,
        typer.Option("--largest-face", help="With --folder: of several faces in a picture take the largest."),
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Add pictures of somebody who is enrolled already.")
    ] = False,
) -> None:
    """Enrol a person by name and pictures, or many people from a folder."""
    console = console_of(ctx)
    if folder is not None:
        if name is not None or add:
            raise typer.BadParameter("--folder takes the names from the folders: give no NAME and no --add")
        folders, text = person_folders(folder), _consent_text(console, consent)
        with open_desk(console.settings, console.warn, recalibrate_each_time=False) as service:
            results = enrol_folders(
                service,
                folders,
                text,
                photos_per_person=photos_per_person,
                largest_face=largest_face,
                allow_training=allow_training,
                allow_duplicate=allow_duplicate,
            )
            _report_folders(console, results, len(folders))
        return
    if name is None or not photos:
        raise typer.BadParameter("give a NAME and at least one PHOTO, or --folder DIR")
    pictures = [NamedPicture(path.name, read_picture(path)) for path in photos]
    text = "" if add else _consent_text(console, consent)
    with open_desk(console.settings, console.warn) as service:
        if add:
            done = service.add_pictures(name, pictures)
        else:
            done = service.enrol(
                name, pictures, text, allow_training=allow_training, allow_duplicate=allow_duplicate
            )
    console.emit(LineType.ENROLMENT, _enrolment_record(done), _enrolment_text(done))


def _report_folders(console: Console, results: Iterable[FolderResult], total: int) -> None:
    """Show what came of each folder; with --json while it happens."""
    enrolled = 0
    refused = Table("person", "picture", "why", title="Refused", title_justify="left")
    with console.progress("enrolling", total) as advance:
        for result in results:
            advance(1)
            enrolled += result.enrolment is not None
            for refusal in result.refusals:
                refused.add_row(
                    escape(result.name), escape(refusal.picture or "all"), escape(str(refusal.reason))
                )
            console.emit(LineType.ENROLMENT, _folder_record(result))
    if refused.row_count:
        console.show(refused)
    summary = {"people": total, "enrolled": enrolled, "refused": total - enrolled}
    console.emit(LineType.ENROLMENT_SUMMARY, summary, f"Enrolled {enrolled} of {total} people.")
    if not enrolled:
        raise InputError("nobody could be enrolled: the report says why")


def _consent_text(console: Console, given: str | None) -> str:
    text = given if given is not None else console.settings.site.consent
    if text is None or not text.strip():
        raise ConsentError(
            "nobody is enrolled without consent: give what the person agreed to with --consent TEXT, "
            "or set site.consent to the text that everybody signs here"
        )
    return text


def _enrolment_record(done: Enrolment) -> dict[str, Any]:
    return asdict(done.person) | {
        "pictures": [quality_record(quality) | {"picture": name} for name, quality in done.pictures],
        "lookalikes": [asdict(lookalike) for lookalike in done.lookalikes],
    }


def _enrolment_text(done: Enrolment) -> str:
    pictures = "1 picture" if len(done.pictures) == 1 else f"{len(done.pictures)} pictures"
    lines = [f"[green]{escape(done.person.name)}[/] is enrolled; {pictures} taken."]
    lines += [
        f"[yellow]Looks like {escape(other.name)}[/] (score {other.score:.2f}): the door may not tell "
        "them apart. More pictures of both help."
        for other in done.lookalikes
    ]
    return "\n".join(lines)


def _folder_record(result: FolderResult) -> dict[str, Any]:
    outcome: dict[str, Any] = {"name": result.name, "outcome": "refused", "pictures": []}
    if result.enrolment is not None:
        outcome |= {"outcome": "enrolled"} | _enrolment_record(result.enrolment)
    return outcome | {"refusals": [refusal.to_record() for refusal in result.refusals]}
