"""Commands about people: enrol, list, suspend, restore, revoke, erase, and the register's key."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from enrollment.bulk import FolderResult, enrol_folders, person_folders
from enrollment.desk import open_desk, open_roster
from enrollment.pictures import NamedPicture
from enrollment.retrain_commands import app as retrain_app
from enrollment.roster import Roster
from enrollment.service import Enrolment
from models.console import Console, console_of
from models.errors import ConsentError, InputError
from models.register.records import Person
from models.site import open_register
from models.vision.pictures import read_picture

app = typer.Typer()
key_app = typer.Typer(no_args_is_help=True, help="The key that seals templates and crops.")
app.add_typer(key_app, name="key")
app.registered_commands += retrain_app.registered_commands
app.registered_groups += retrain_app.registered_groups


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
        with open_desk(console.settings, console.warn, one_by_one=False) as service:
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
    console.emit(_enrolment_record(done), _enrolment_text(done))


@app.command("people")
def list_people(ctx: typer.Context) -> None:
    """Everyone in the register: name, status, since when, and what the consent covers."""
    console = console_of(ctx)
    table = Table("name", "status", "since", "consent covers")
    with open_register(console.settings) as register:
        for person in register.people():
            purposes = sorted(register.consent(person.person_id).purposes)
            if console.json:
                console.emit(asdict(person) | {"purposes": purposes})
            since = f"{person.created_at:%Y-%m-%d}"
            table.add_row(escape(person.name), person.status, since, ", ".join(purposes))
    if not console.json:
        console.emit({}, table)


@app.command()
def suspend(ctx: typer.Context, name: str) -> None:
    """Let a person in no more, until restored."""
    _change_status(ctx, lambda roster: roster.suspend(name))


@app.command()
def restore(ctx: typer.Context, name: str) -> None:
    """End a suspension."""
    _change_status(ctx, lambda roster: roster.restore(name))


@app.command()
def revoke(ctx: typer.Context, name: str) -> None:
    """Let a person in never again; `erase` also deletes what is kept."""
    _change_status(ctx, lambda roster: roster.revoke(name))


@app.command()
def erase(
    ctx: typer.Context,
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete all that is kept of a person; past events no longer say who it was."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = roster.named(name)
        if not yes and not console.json:
            typer.confirm(f"Delete all that is kept of {person.name} for good?", abort=True)
        roster.erase(name)
    console.emit({"erased": person.person_id}, f"{escape(person.name)} is erased.")


@app.command("export")
def export_person(
    ctx: typer.Context,
    name: str,
    folder: Annotated[Path, typer.Argument(help="Made when absent.")],
) -> None:
    """Write all that is kept of a person into a folder, for that person to see."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        written = roster.export(name, folder)
    text = f"{len(written)} files are in {escape(str(folder))}."
    console.emit({"files": [str(path) for path in written]}, text)


@key_app.command("rotate")
def rotate_key(ctx: typer.Context) -> None:
    """Seal everything under a fresh key. Backups made before still need the old one."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        key_id = register.rotate_key()
    path = console.settings.storage.key_file
    text = f"Everything is sealed under key {key_id} ({escape(str(path))})."
    console.emit({"key_id": key_id, "key_file": path}, text)


def _change_status(ctx: typer.Context, change: Callable[[Roster], Person]) -> None:
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = change(roster)
    console.emit(asdict(person), f"{escape(person.name)} is {person.status}.")


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
                    escape(result.name), escape(refusal.picture or "all"), escape(refusal.message)
                )
            if console.json:
                console.emit(_folder_record(result))
    if refused.row_count and not console.json:
        console.emit({}, refused)
    summary = {"people": total, "enrolled": enrolled, "refused": total - enrolled}
    console.emit({"summary": summary}, f"Enrolled {enrolled} of {total} people.")
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
        "pictures": [asdict(quality) | {"picture": name} for name, quality in done.pictures],
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
    return outcome | {"refusals": [asdict(refusal) for refusal in result.refusals]}
