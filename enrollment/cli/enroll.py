"""The command `enroll`: a person by pictures or by the door's camera, or many people from a folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from enrollment.bulk import FolderResult, enrol_folders, person_folders
from enrollment.camera import take_pictures
from enrollment.desk import open_desk
from enrollment.enrol import Enrolment, EnrolmentService
from enrollment.pictures import ExaminedPicture, NamedPicture
from models.cli.names import complete_name
from models.cli.output import Console, LineType, console_of
from models.clock import SystemClock
from models.errors import ConsentError, InputError
from models.events import quality_record
from models.vision.pictures import read_picture

app = typer.Typer()

PICTURES = 3
TIMEOUT_S = 60.0


@app.command()
def enroll(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="The person's name: a new one, or with --add one that is enrolled.",
            autocompletion=complete_name,
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="PHOTO...", help="Pictures of that person alone.")
    ] = None,
    *,
    camera: Annotated[
        bool,
        typer.Option("--camera", help="Take the pictures from the door's camera (setting camera.source)."),
    ] = False,
    pictures: Annotated[
        int | None,
        typer.Option(min=1, max=20, help=f"With --camera: how many pictures to take; default: {PICTURES}."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=1, help=f"With --camera: give up after so many seconds; default: {TIMEOUT_S:g}."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Enrol many: a folder that holds a folder of pictures per person.")
    ] = None,
    photos_per_person: Annotated[
        int | None, typer.Option(min=1, help="With --folder: only the first so many files of each person.")
    ] = None,
    largest_face: Annotated[
        bool,
        typer.Option("--largest-face", help="With --folder: of several faces in a picture take the largest."),
    ] = False,
    consent: Annotated[
        str | None,
        typer.Option(
            help="What was agreed to, in words; default: the setting site.consent. With --add: a new consent."
        ),
    ] = None,
    allow_training: Annotated[
        bool, typer.Option("--allow-training", help="The consent covers training on the stored pictures.")
    ] = False,
    allow_duplicate: Annotated[
        bool, typer.Option("--allow-duplicate", help="Enrol a face that is enrolled under another name.")
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Add pictures of somebody who is enrolled already.")
    ] = False,
) -> None:
    """Enrol a person by name and pictures or by the door's camera, or many people from a folder."""
    console = console_of(ctx)
    _require("--camera", camera, {"--pictures": pictures, "--timeout": timeout})
    _require("--folder", folder, {"--photos-per-person": photos_per_person, "--largest-face": largest_face})
    if folder is not None:
        if name is not None or add or camera:
            raise typer.BadParameter(
                "--folder takes names and pictures from the folders: give no NAME, --add or --camera"
            )
        folders, text = person_folders(folder), _consent_text(console, consent)
        with open_desk(console.settings, console.warn) as service:
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
    if name is None or bool(photos) == camera:
        raise typer.BadParameter("give a NAME and either PHOTOs or --camera, or give --folder DIR")
    if add and allow_duplicate:
        raise typer.BadParameter("--add enrols nobody anew: --allow-duplicate does not go with it")
    # Without --consent and --allow-training, --add leaves the consent as it is.
    words = _consent_text(console, consent) if not add or consent is not None or allow_training else None
    read = [NamedPicture(path.name, read_picture(path)) for path in photos or []]
    with open_desk(console.settings, console.warn, create=not add) as service:
        # Before anybody poses for the camera.
        service.person_for_pictures(name) if add else service.check_new_name(name)
        if camera:
            examined = _take_pictures(console, service, pictures or PICTURES, timeout or TIMEOUT_S)
        else:
            examined = [service.examine(picture) for picture in read]
        if add or words is None:
            done = service.add_examined(name, examined, words, allow_training=allow_training)
        else:
            done = service.enrol_examined(
                name, examined, words, allow_training=allow_training, allow_duplicate=allow_duplicate
            )
    console.emit(LineType.ENROLMENT, _enrolment_record(done), _enrolment_text(done, add, words))


def _require(option: str, given: object, others: Mapping[str, object]) -> None:
    """Refuse options that mean something only together with `option`."""
    alone = [other for other, value in others.items() if value]
    if alone and not given:
        raise typer.BadParameter(f"{' and '.join(alone)} can be given only with {option}")


def _take_pictures(
    console: Console, service: EnrolmentService, count: int, timeout_s: float
) -> list[ExaminedPicture]:
    if console.settings.camera.kind == "synthetic":
        console.warn("the camera is synthetic: nobody real is seen, and people who do not exist are enrolled")
    clock = SystemClock()
    console.note(f"Taking {count} pictures: look at the camera.")
    camera = console.open_camera(clock)
    return take_pictures(camera, service, clock, count=count, timeout_s=timeout_s, say=console.note)


def _report_folders(console: Console, results: Iterable[FolderResult], total: int) -> None:
    """Show each folder's outcome, with --json at once, and the counts; also when it is interrupted.

    Raises:
        InputError: everybody was refused.
    """
    counts: Counter[str] = Counter(people=total, enrolled=0, skipped=0, refused=0)
    refused = Table("person", "picture", "why", title="Refused", title_justify="left")
    interrupted = True
    try:
        with console.progress("enrolling", total) as advance:
            for result in results:
                advance(1)
                counts[result.outcome] += 1
                for refusal in result.refusals:
                    picture = refusal.picture or "all"
                    refused.add_row(escape(result.name), escape(picture), escape(str(refusal.reason)))
                console.emit(LineType.ENROLMENT, _folder_record(result))
        interrupted = False
    finally:
        if refused.row_count:
            console.show(refused)
        console.emit(LineType.ENROLMENT_SUMMARY, counts, _summary_text(counts, interrupted))
    if counts["refused"] == total:
        raise InputError("nobody could be enrolled: the report says why")


def _summary_text(counts: Mapping[str, int], interrupted: bool) -> str:
    if interrupted:
        there = counts["enrolled"] + counts["skipped"]
        return f"Interrupted: {there} of {counts['people']} people are in; run it again to go on."
    text = f"Enrolled {counts['enrolled']} of {counts['people']} people"
    if counts["skipped"]:
        text += f"; {counts['skipped']} already enrolled"
    return f"{text}; {counts['refused']} refused." if counts["refused"] else f"{text}."


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
        "photos": done.photos,
        "purposes": sorted(done.purposes),
        "lookalikes": [asdict(lookalike) for lookalike in done.lookalikes],
    }


def _enrolment_text(done: Enrolment, add: bool, consent: str | None) -> str:
    count = len(done.pictures)
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    stored = f"{pictures} added, {done.photos} now" if add else f"{pictures} taken"
    lines = [f"[green]{escape(done.person.name)}[/] is enrolled; {stored}."]
    if add and consent is not None:
        lines.append(f"The consent covers {' and '.join(sorted(done.purposes))} now.")
    lines += [
        f"[yellow]Looks like {escape(other.name)}[/] (score {other.score:.2f}): the door may not tell "
        "them apart. More pictures of both help."
        for other in done.lookalikes
    ]
    return "\n".join(lines)


def _folder_record(result: FolderResult) -> dict[str, Any]:
    record: dict[str, Any] = {"name": result.name, "outcome": result.outcome, "pictures": []}
    if result.enrolment is not None:
        record |= _enrolment_record(result.enrolment)
    elif result.enrolled_before is not None:
        record |= asdict(result.enrolled_before)
    return record | {"refusals": [refusal.to_record() for refusal in result.refusals]}
