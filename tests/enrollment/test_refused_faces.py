"""People who do not want the face recognised: nothing of it is stored, until they allow it again."""

import json
from pathlib import Path

import pytest

from enrollment.people import Roster
from models.errors import ConsentError, DuplicatePersonError, FaceRefusedError, InputError
from models.register.register import Register
from tests.enrollment.painted import MODEL, PaintedDesk, picture

WORDS = "I agree to be recognised."


def test_no_picture_is_added_of_a_person_who_refused(service: PaintedDesk, register: Register) -> None:
    ada = service.enrol("Ada", [picture(1, 1)], WORDS).person
    register.refuse_face(ada.person_id)
    with pytest.raises(FaceRefusedError, match="doorward face allow"):
        service.person_for_pictures("Ada")
    with pytest.raises(FaceRefusedError):
        service.add_pictures("Ada", [picture(1, 2)], "I agree again.")
    with pytest.raises(DuplicatePersonError):
        service.enrol("Ada", [picture(1, 2)], WORDS)
    assert register.templates(MODEL) == []


def test_first_pictures_of_somebody_who_allows_it_are_compared_with_everybody_else(
    service: PaintedDesk, register: Register
) -> None:
    service.enrol("Grace", [picture(2, 1)], WORDS)
    ada = register.add_person_without_face("Ada", "I was told.")
    register.allow_face(ada.person_id)
    with pytest.raises(ConsentError):
        service.add_pictures("Ada", [picture(1, 1)])
    with pytest.raises(DuplicatePersonError, match="Grace"):
        service.add_pictures("Ada", [picture(2, 2)], WORDS)
    with pytest.raises(InputError, match="not the person of the other"):
        service.add_pictures("Ada", [picture(1, 1), picture(1, 2), picture(2, 1)], WORDS)
    assert len(register.templates(MODEL)) == 1
    assert service.add_pictures("Ada", [picture(1, 1), picture(1, 2)], WORDS).photos == 2
    assert {each.person_id for each in register.templates(MODEL)} >= {ada.person_id}
    with pytest.raises(InputError, match="not recognised as Ada"):
        service.add_pictures("Ada", [picture(2, 3)])


def test_an_export_holds_groups_and_cards_and_no_pin(register: Register, tmp_path: Path) -> None:
    ada = register.add_person_without_face("Ada", "I was told.")
    register.set_pin(ada.person_id, "80351946")
    register.add_card(ada.person_id, "4711")
    Roster(register, lambda: None).export("Ada", tmp_path / "out")
    text = (tmp_path / "out" / "person.json").read_text()
    record = json.loads(text)["access"]
    assert (record["pins"], record["cards"][0]["number"]) == (["normal"], "4711")
    assert record["settings"]["face_refused"]
    assert "80351946" not in text
