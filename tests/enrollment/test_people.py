"""`Roster`: consent and what a person is given; changes of status are in test_enrol.py."""

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from enrollment.people import ANOTHER_PERSON, Roster
from models.domain import Embedding, FaceCrop
from models.errors import ConsentError, InputError, UnknownPersonError
from models.register.records import EnrolledFace, PersonStatus, Purpose
from models.register.register import Register
from models.vision.pictures import read_picture
from tests.door_events import door_event
from tests.enrollment.painted import MODEL, PaintedDesk, picture, vector_of
from tests.models.register.faces import face

WORDS = "I agree to be recognised."
RECOGNITION = {Purpose.RECOGNITION}


@pytest.fixture
def roster(register: Register, service: PaintedDesk) -> Roster:
    service.enrol("Ada", [picture(1, 1), picture(1, 2)], WORDS, allow_training=True)
    return Roster(register, lambda: None)


def test_a_recorded_consent_replaces_the_one_before(roster: Roster, register: Register) -> None:
    recorded = roster.record_consent("ada", "signed again")
    assert (recorded.text, recorded.purposes) == ("signed again", RECOGNITION)
    assert register.crops(Purpose.TRAINING) == []
    assert roster.record_consent("Ada", "and training", allow_training=True).purposes == set(Purpose)
    assert len(register.crops(Purpose.TRAINING)) == 2
    assert [one.text for one in roster.consents("Ada")] == [WORDS, "signed again", "and training"]


def test_a_consent_without_text_is_refused(roster: Roster) -> None:
    with pytest.raises(ConsentError):
        roster.record_consent("Ada", "  ")
    assert len(roster.consents("Ada")) == 1


def test_withdrawing_training_keeps_the_text_and_recognition(roster: Roster, register: Register) -> None:
    withdrawn = roster.withdraw_training("Ada")
    assert (withdrawn.text, withdrawn.purposes) == (WORDS, RECOGNITION)
    assert register.crops(Purpose.TRAINING) == []
    assert len(register.crops(Purpose.RECOGNITION)) == 2
    assert [one.purposes for one in roster.consents("Ada")] == [set(Purpose), RECOGNITION]


def test_withdrawing_training_twice_records_it_once(roster: Roster) -> None:
    assert roster.withdraw_training("Ada") == roster.withdraw_training("Ada")
    assert len(roster.consents("Ada")) == 2


def test_consent_of_an_unknown_name_is_answered_with_the_nearest(roster: Roster) -> None:
    asked = (roster.consents, roster.withdraw_training, roster.named, roster.erase)
    for ask in asked:
        with pytest.raises(UnknownPersonError, match=r"did you mean Ada\?"):
            ask("Adda")


def test_an_export_holds_every_consent_and_only_its_owner_can_read_it(roster: Roster, tmp_path: Path) -> None:
    roster.record_consent("Ada", "signed again")
    folder = tmp_path / "for-ada"
    before = os.umask(0)
    try:
        written = roster.export("Ada", folder)
    finally:
        os.umask(before)
    record = json.loads((folder / "person.json").read_text())
    assert [(one["text"], one["purposes"]) for one in record["consents"]] == [
        (WORDS, ["recognition", "training"]),
        ("signed again", ["recognition"]),
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [0o600] * 3


def test_an_export_has_all_that_is_kept(roster: Roster, register: Register, tmp_path: Path) -> None:
    ada = roster.named("Ada")
    register.add_templates(ada.person_id, [two_crops(1)])
    grace = register.add_person("Grace", [two_crops(2)], WORDS)
    for best, next_best in ((ada, grace), (grace, ada), (grace, None)):
        register.append_event(
            door_event(
                person_id=best.person_id, score=0.5, runner_up_id=next_best.person_id if next_best else None
            )
        )
    roster.suspend("Ada")
    roster.export("Ada", tmp_path / "out")
    text = (tmp_path / "out" / "person.json").read_text()
    record = json.loads(text)

    stored = register.person_file(ada.person_id).crops
    assert len(stored) == 3
    for number, one in enumerate(stored, start=1):
        for pixels, suffix in ((one.crop.image, ""), (one.crop.second, "-second")):
            file = tmp_path / "out" / f"picture-{number}{suffix}.png"
            assert file.exists() == (pixels is not None)
            if pixels is not None:
                assert np.array_equal(read_picture(file), pixels[:, :, ::-1])

    templates = register.templates(MODEL, tuple(PersonStatus))
    own = sorted(each.embedding.vector.tolist() for each in templates if each.person_id == ada.person_id)
    assert sorted(each["numbers"] for each in record["templates"]) == own
    assert {each["network"] for each in record["templates"]} == {MODEL}
    assert sorted(each["picture"] for each in record["templates"]) == ["picture-1", "picture-2", "picture-3"]
    assert [(each["person_id"], each["runner_up_id"]) for each in record["events"]] == [
        (ada.person_id, ANOTHER_PERSON),
        (ANOTHER_PERSON, ada.person_id),
    ]
    assert [each["action"] for each in record["changes"]] == [
        "person_added",
        "pictures_added",
        "status_changed",
    ]
    assert grace.person_id not in text
    assert "shell:" not in text


def two_crops(seed: int) -> EnrolledFace:
    pixels = face(seed).crop.image
    vector = vector_of(1, seed)
    return EnrolledFace(FaceCrop(pixels, pixels[::-1].copy()), Embedding(vector, MODEL))


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o705, 0o730])
def test_an_export_into_a_folder_that_others_may_look_into_is_refused(
    roster: Roster, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(InputError, match=f"chmod 700 {folder}"):
        roster.export("Ada", folder)
    assert list(folder.iterdir()) == []


def test_an_export_narrows_files_that_others_could_read(roster: Roster, tmp_path: Path) -> None:
    old = tmp_path / "person.json"
    old.write_text("x" * 100_000)
    old.chmod(0o644)
    roster.export("Ada", tmp_path)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert json.loads(old.read_text())["person"]["name"] == "Ada"
