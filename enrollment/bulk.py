"""`enrol_folders`: enrols many people from a folder of pictures each, and reports each one's outcome."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enrollment.enrol import Enrolment, EnrolmentService
from enrollment.pictures import ExaminedPicture, NamedPicture
from models.domain import PersonId
from models.errors import InputError, error_record
from models.register.records import Person
from models.vision.pictures import read_picture

Outcome = Literal["enrolled", "skipped", "refused"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture that was refused, or a person as a whole (`picture` is None), and why."""

    picture: str | None
    reason: InputError

    def to_record(self) -> dict[str, Any]:
        """Return plain JSON values: the picture's name and `models.errors.error_record`."""
        return {"picture": self.picture} | error_record(self.reason)


@dataclass(frozen=True, slots=True)
class FolderResult:
    """The outcome of one person's folder: enrolled, skipped or refused.

    Attributes:
        name: the person's, from the folder's name with underscores as blanks.
        enrolment: None unless the person was enrolled now.
        enrolled_before: who has that name already; the folder was skipped then. None otherwise.
        refusals: of pictures, and at last of the person.
    """

    name: str
    enrolment: Enrolment | None = None
    enrolled_before: Person | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What the report counts it as."""
        if self.enrolment is not None:
            return "enrolled"
        return "refused" if self.enrolled_before is None else "skipped"


def person_folders(folder: Path) -> list[Path]:
    """Return the folders of the people, by name.

    Raises:
        InputError: no such folder, or it holds none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name one that holds a folder of pictures per person")
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise InputError(f"{folder} holds no folders: it takes a folder of pictures per person")
    return found


def enrol_folders(
    service: EnrolmentService,
    folders: list[Path],
    consent: str,
    *,
    photos_per_person: int | None = None,
    largest_face: bool = False,
    allow_training: bool = False,
    allow_duplicate: bool = False,
) -> Iterator[FolderResult]:
    """Enrol one person after another; a refused picture or person never stops the others.

    Whoever is enrolled under the folder's name before this began is skipped, and no picture of the folder is
    read: the same folders can be enrolled again after more were added, or after an interruption.

    Args:
        service: enrols them.
        folders: one per person.
        consent: the text that all of them agreed to.
        photos_per_person: only the first so many files of each folder, by name, are looked at.
        largest_face: take the largest of several faces in a picture, instead of refusing the picture.
        allow_training: the consent covers training.
        allow_duplicate: enrol faces that are enrolled under another name.

    Raises:
        RegisterError: the register cannot be written. People enrolled before stay so.
    """
    enrolled_now: set[PersonId] = set()
    for folder in folders:
        name = folder.name.replace("_", " ")
        refusals: list[Refusal] = []
        try:
            known = service.find_person(name)
            # Of two folders with one name (A_B and "A B") the second is refused: it may be another person.
            if known is not None and known.person_id not in enrolled_now:
                yield FolderResult(name, enrolled_before=known)
                continue
            service.check_new_name(name)
            pictures, refusals = _examine_folder(service, folder, photos_per_person, largest_face)
            if not pictures:
                raise InputError(f"{name}: none of the pictures can be used")
            enrolment = service.enrol_examined(
                name, pictures, consent, allow_training=allow_training, allow_duplicate=allow_duplicate
            )
        except InputError as error:
            yield FolderResult(name, refusals=(*refusals, Refusal(None, error)))
        else:
            enrolled_now.add(enrolment.person.person_id)
            yield FolderResult(name, enrolment, refusals=tuple(refusals))


def _examine_folder(
    service: EnrolmentService, folder: Path, limit: int | None, largest: bool
) -> tuple[list[ExaminedPicture], list[Refusal]]:
    """Return the pictures that can be templates, and why the others cannot."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    good: list[ExaminedPicture] = []
    refusals: list[Refusal] = []
    for path in files[:limit]:
        try:
            good.append(service.examine(NamedPicture(path.name, read_picture(path)), largest=largest))
        except InputError as error:
            refusals.append(Refusal(path.name, error))
    for odd in service.pictures_of_other_people(good):
        good.remove(odd)
        refusals.append(Refusal(odd.name, InputError(f"{odd.name}: not the person of the other pictures")))
    return good, refusals
