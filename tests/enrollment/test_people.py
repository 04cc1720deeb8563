"""`Roster`: consent and what a person is given; changes of status are in test_enrol.py."""

import json
import os
import stat
from pathlib import Path

import pytest

from enrollment.people import Roster
from models.errors import ConsentError, UnknownPersonError
from models.register.records import Purpose
from models.register.register import Register
from tests.enrollment.painted import PaintedDesk, picture

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


def test_an_export_narrows_files_that_others_could_read(roster: Roster, tmp_path: Path) -> None:
    old = tmp_path / "person.json"
    old.write_text("x" * 100_000)
    old.chmod(0o644)
    roster.export("Ada", tmp_path)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert json.loads(old.read_text())["person"]["name"] == "Ada"
