"""A folder per person: whoever is refused does not stop the others, and the report says why."""

from pathlib import Path

import cv2
import pytest

from enrollment.bulk import enrol_folders, person_folders
from enrollment.enrol import EnrolmentService
from models.errors import InputError
from models.register.register import Register
from tests.enrollment.painted import BLURRED, GOOD, NOBODY, SEVERAL, picture

WORDS = "All of us agree."


def save(folder: Path, person: int, take: int = 1, state: int = GOOD) -> None:
    """A lossless file whose first pixel survives."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = picture(person, take, state)
    image = cv2.resize(drawn.image, (64, 64), interpolation=cv2.INTER_NEAREST)
    image[0, 0], image[0, 1] = drawn.image[0, 0], drawn.image[0, 1]
    assert cv2.imwrite(str(folder / f"{take}.png"), image)


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    folder = tmp_path / "staff"
    save(folder / "Ada_Lovelace", 1, 1)
    save(folder / "Ada_Lovelace", 1, 2)
    save(folder / "Ada_Lovelace", 1, 3, BLURRED)
    save(folder / "Ada_Lovelace", 9, 4)
    save(folder / "Ada_Again", 1, 5)
    save(folder / "Grace", 2, 1, SEVERAL)
    save(folder / "Mary", 3, 1, NOBODY)
    (folder / "Mary" / "notes.txt").write_text("not a picture")
    (folder / "Empty").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "list.csv").write_text("")
    return folder


def test_the_report_says_what_was_refused_and_why(
    service: EnrolmentService, register: Register, staff: Path
) -> None:
    results = {result.name: result for result in enrol_folders(service, person_folders(staff), WORDS)}
    assert list(results) == ["Ada Again", "Ada Lovelace", "Empty", "Grace", "Mary"]
    assert [person.name for person in register.people()] == ["Ada Again"]
    why = {name: [(r.picture, r.reason.code) for r in result.refusals] for name, result in results.items()}
    assert why == {
        "Ada Again": [],
        "Ada Lovelace": [
            ("3.png", "poor_quality"),
            ("4.png", "invalid_input"),
            (None, "duplicate_person"),
        ],
        "Empty": [(None, "invalid_input")],
        "Grace": [("1.png", "several_faces"), (None, "invalid_input")],
        "Mary": [("1.png", "no_face"), ("notes.txt", "unreadable_image"), (None, "invalid_input")],
    }
    assert "enrolled as Ada Again" in results["Ada Lovelace"].refusals[-1].message


def test_only_the_first_files_are_looked_at(service: EnrolmentService, staff: Path) -> None:
    folder = staff / "Ada_Lovelace"
    (result,) = enrol_folders(service, [folder], WORDS, photos_per_person=1)
    assert result.enrolment is not None
    assert [name for name, _ in result.enrolment.pictures] == ["1.png"]
    assert result.refusals == ()


def test_the_largest_face_is_taken_on_demand(service: EnrolmentService, staff: Path) -> None:
    (result,) = enrol_folders(service, [staff / "Grace"], WORDS, largest_face=True)
    assert result.enrolment is not None


def test_a_folder_that_is_none_or_has_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        person_folders(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no folders"):
        person_folders(tmp_path)
