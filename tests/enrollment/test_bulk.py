"""`enrol_folders`: outcomes, refusals and their reasons, and enrolling the same folders again."""

from pathlib import Path

import cv2
import pytest

from enrollment import bulk
from enrollment.bulk import enrol_folders, person_folders
from models.errors import InputError
from models.register.records import PersonStatus
from models.register.register import Register
from tests.enrollment.painted import BLURRED, GOOD, MODEL, NOBODY, SEVERAL, PaintedDesk, desk, picture

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
    service: PaintedDesk, register: Register, staff: Path
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
    assert "enrolled as Ada Again" in str(results["Ada Lovelace"].refusals[-1].reason)


def test_pictures_that_cannot_be_used_are_left_out_and_the_others_enrolled(
    service: PaintedDesk, register: Register, tmp_path: Path
) -> None:
    folder = tmp_path / "staff" / "Ada"
    for person, take, state in ((1, 1, GOOD), (1, 2, GOOD), (1, 3, BLURRED), (9, 4, GOOD)):
        save(folder, person, take, state)
    (folder / "5.jpg").write_text("not a picture")
    save(tmp_path / "staff" / "Grace", 2)
    ada, grace = enrol_folders(service, person_folders(tmp_path / "staff"), WORDS)
    assert (ada.outcome, grace.outcome) == ("enrolled", "enrolled")
    assert [(one.picture, one.reason.code) for one in ada.refusals] == [
        ("3.png", "poor_quality"),
        ("5.jpg", "unreadable_image"),
        ("4.png", "invalid_input"),
    ]
    assert ada.enrolment is not None
    assert [name for name, _ in ada.enrolment.pictures] == ["1.png", "2.png"]
    assert len(register.templates(MODEL)) == 3


def test_enrolling_again_skips_who_is_in_without_reading_a_picture(
    service: PaintedDesk, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("Ada", "Grace_Hopper", "Mary"), start=1):
        save(tmp_path / "staff" / name, number)
    folders = person_folders(tmp_path / "staff")
    first = list(enrol_folders(service, folders, WORDS))
    assert [result.outcome for result in first] == ["enrolled"] * 3
    register.set_status(register.person_named("Mary").person_id, PersonStatus.REVOKED)
    save(tmp_path / "staff" / "Zoe", 4)
    read: list[str] = []
    real = bulk.read_picture
    monkeypatch.setattr(bulk, "read_picture", lambda path: (read.append(path.parent.name), real(path))[1])
    again = list(enrol_folders(desk(register), person_folders(tmp_path / "staff"), WORDS))
    assert [(result.name, result.outcome) for result in again] == [
        ("Ada", "skipped"),
        ("Grace Hopper", "skipped"),
        ("Mary", "skipped"),
        ("Zoe", "enrolled"),
    ]
    assert read == ["Zoe"]
    assert again[2].enrolled_before == register.person_named("Mary")
    assert len(register.templates(MODEL, tuple(PersonStatus))) == 4


def test_a_newcomer_whose_face_is_enrolled_under_another_name_is_refused_again(
    service: PaintedDesk, staff: Path
) -> None:
    for _ in range(2):
        results = {one.name: one for one in enrol_folders(service, person_folders(staff), WORDS)}
        assert results["Ada Lovelace"].outcome == "refused"
        assert results["Ada Lovelace"].refusals[-1].reason.code == "duplicate_person"
    assert results["Ada Again"].outcome == "skipped"


def test_the_second_of_two_folders_with_one_name_is_refused(
    service: PaintedDesk, register: Register, tmp_path: Path
) -> None:
    save(tmp_path / "staff" / "Ada Lovelace", 1)
    save(tmp_path / "staff" / "Ada_Lovelace", 2)
    first, second = enrol_folders(service, person_folders(tmp_path / "staff"), WORDS)
    assert (first.outcome, second.outcome) == ("enrolled", "refused")
    assert second.refusals[-1].reason.code == "duplicate_person"
    assert len(register.people()) == 1


def test_a_folder_whose_name_is_no_name_is_refused(service: PaintedDesk, tmp_path: Path) -> None:
    save(tmp_path / "staff" / ("x" * 201), 1)
    (result,) = enrol_folders(service, person_folders(tmp_path / "staff"), WORDS)
    assert (result.outcome, result.refusals[-1].reason.code) == ("refused", "invalid_input")


def test_only_the_first_files_are_looked_at(service: PaintedDesk, staff: Path) -> None:
    folder = staff / "Ada_Lovelace"
    (result,) = enrol_folders(service, [folder], WORDS, photos_per_person=1)
    assert result.enrolment is not None
    assert [name for name, _ in result.enrolment.pictures] == ["1.png"]
    assert result.refusals == ()


def test_the_largest_face_is_taken_on_demand(service: PaintedDesk, staff: Path) -> None:
    (result,) = enrol_folders(service, [staff / "Grace"], WORDS, largest_face=True)
    assert result.enrolment is not None


def test_a_folder_that_is_none_or_has_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        person_folders(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no folders"):
        person_folders(tmp_path)
