"""People in the register: names, consents, statuses, events and erasure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from models.domain import Box, FaceCrop, PersonId, Quality, QualityReason
from models.errors import (
    ConsentError,
    DuplicatePersonError,
    InputError,
    RegisterChangedError,
    RegisterError,
    RevokedPersonError,
    UnknownPersonError,
)
from models.events import DoorEvent
from models.register.people import clean_name, name_key
from models.register.records import EnrolledFace, PersonStatus, Purpose
from models.register.register import Register
from tests.door_events import door_event
from tests.models.register.faces import MODEL, embedding, face

BOTH = frozenset(Purpose)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_person_is_kept_with_templates_crops_and_consent(register: Register) -> None:
    ada = register.add_person("Ada Lovelace", [face(1), face(2)], "I agree.", BOTH, NOON)
    assert register.people() == [ada]
    assert (ada.name, ada.status, ada.created_at) == ("Ada Lovelace", PersonStatus.ACTIVE, NOON)
    assert register.person(ada.person_id) == ada
    consent = register.consent(ada.person_id)
    assert (consent.text, consent.purposes, consent.given_at) == ("I agree.", BOTH, NOON)
    kept = {template.embedding.vector.tobytes() for template in register.templates(MODEL)}
    assert kept == {embedding(1).vector.tobytes(), embedding(2).vector.tobytes()}
    images = sorted(crop.crop.image.tobytes() for crop in register.crops())
    assert images == sorted(face(seed).crop.image.tobytes() for seed in (1, 2))
    assert {crop.person_id for crop in register.crops()} == {ada.person_id}


@pytest.mark.parametrize("other", ["ada lovelace", "  ADA   Lovelace ", "Ada Lovelace"])
def test_a_name_is_taken_once_however_it_is_spelt(register: Register, other: str) -> None:
    ada = register.add_person("Ada Lovelace", [face(1)], "I agree.")
    assert register.find_person(other) == ada
    with pytest.raises(DuplicatePersonError, match="Ada Lovelace is enrolled already"):
        register.add_person(other, [face(2)], "I agree.")
    assert len(register.templates(MODEL)) == 1


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "x" * 201, "a\x1b[2J"])
def test_names_that_are_empty_too_long_or_not_printable_are_refused(register: Register, name: str) -> None:
    with pytest.raises(InputError, match="a name has"):
        register.add_person(name, [face(1)], "I agree.")
    assert register.people() == []


@pytest.mark.parametrize("name", ["x", "x" * 200, "Zoë O'Neil-李"])
def test_names_of_1_to_200_printable_characters_are_taken(register: Register, name: str) -> None:
    register.add_person(name, [face(1)], "I agree.")
    assert [person.name for person in register.people()] == [name]


@given(st.text(min_size=1, max_size=30))
def test_cleaning_a_name_twice_changes_nothing(name: str) -> None:
    try:
        clean = clean_name(name)
    except InputError:
        return
    assert clean_name(clean) == clean
    assert name_key(clean) == name_key(name)


def test_without_consent_to_recognition_nobody_is_enrolled(register: Register) -> None:
    for text, purposes in (("  ", BOTH), ("I agree.", frozenset({Purpose.TRAINING}))):
        with pytest.raises(ConsentError):
            register.add_person("Ada", [face(1)], text, purposes)
    assert register.people() == []
    assert register.gallery_revision() == 1


def test_the_second_crop_is_kept_beside_the_first(register: Register) -> None:
    """A network that embeds both must find both when it embeds the register again."""
    plain, other = face(1), face(2)
    with_second = EnrolledFace(FaceCrop(plain.crop.image, other.crop.image), plain.embedding)
    register.add_person("Ada", [with_second], "I agree.")
    (stored,) = register.crops(Purpose.RECOGNITION)
    assert stored.crop.second is not None
    assert stored.crop.image.tobytes() == plain.crop.image.tobytes()
    assert stored.crop.second.tobytes() == other.crop.image.tobytes()


def test_crops_are_given_only_for_what_was_agreed_to_last(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "Recognition.")
    assert register.crops(Purpose.TRAINING) == []
    assert len(register.crops(Purpose.RECOGNITION)) == 1
    register.set_consent(ada.person_id, "Both.", BOTH)
    assert len(register.crops(Purpose.TRAINING)) == 1
    register.set_consent(ada.person_id, "No longer.", frozenset({Purpose.RECOGNITION}))
    assert register.crops(Purpose.TRAINING) == []


def test_every_consent_is_listed_oldest_first(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "First.", at=NOON)
    register.set_consent(ada.person_id, "Second.", BOTH, NOON + timedelta(days=1))
    register.add_person("Grace", [face(2)], "Of Grace.")
    listed = [(one.text, one.purposes, one.given_at) for one in register.consents(ada.person_id)]
    assert listed == [
        ("First.", {Purpose.RECOGNITION}, NOON),
        ("Second.", BOTH, NOON + timedelta(days=1)),
    ]
    assert [one.text for one in register.person_file(ada.person_id).consents] == ["First.", "Second."]


def test_added_pictures_and_their_consent_are_recorded_together(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "First.")
    assert register.add_templates(ada.person_id, [face(2), face(3)]) == 3
    assert register.consent(ada.person_id).text == "First."
    assert register.add_templates(ada.person_id, [face(4)], "Training too.", BOTH, NOON) == 4
    consent = register.consent(ada.person_id)
    assert (consent.text, consent.purposes, consent.given_at) == ("Training too.", BOTH, NOON)


@pytest.mark.parametrize(
    ("text", "seed", "error"), [("  ", 2, ConsentError), ("Third.", "no picture", RegisterError)]
)
def test_neither_pictures_nor_consent_are_kept_when_one_is_refused(
    register: Register, text: str, seed: int | str, error: type[Exception]
) -> None:
    ada = register.add_person("Ada", [face(1)], "First.")
    new = face(2) if isinstance(seed, int) else EnrolledFace(FaceCrop(face(2).crop.image[:50]), embedding(2))
    with pytest.raises(error):
        register.add_templates(ada.person_id, [face(3), new], text, BOTH)
    assert [one.text for one in register.consents(ada.person_id)] == ["First."]
    assert len(register.templates(MODEL)) == 1


def test_the_overview_counts_pictures_and_shows_the_newest_consent(register: Register) -> None:
    """However many people there are, it asks the database the same number of questions."""
    register.add_person("Zoe", [face(5)], "Of Zoe.")
    asked_of_one = statements_of(register.people_overview)
    grace = register.add_person("Grace", [face(seed) for seed in (1, 2, 3)], "Of Grace.")
    ada = register.add_person("Ada", [face(4)], "First.")
    register.set_consent(ada.person_id, "Second.", BOTH, NOON)
    register.set_consent(grace.person_id, "Of Grace again.", frozenset({Purpose.RECOGNITION}), NOON)
    assert statements_of(register.people_overview) == asked_of_one
    listed = register.people_overview()[:2]
    assert [(one.person, one.photos) for one in listed] == [(ada, 1), (grace, 3)]
    assert [one.consent for one in listed] == [
        register.consent(ada.person_id),
        register.consent(grace.person_id),
    ]


def statements_of(ask: Callable[[], object]) -> list[str]:
    statements: list[str] = []

    def note(*given: object) -> None:
        statements.append(str(given[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return sorted(statements)


def test_an_unknown_name_is_answered_with_the_nearest_ones(register: Register) -> None:
    gore = register.add_person("Al Gore", [face(1)], "I agree.")
    register.add_person("Grace Hopper", [face(2)], "I agree.")
    assert register.person_named(" al  GORE") == gore
    with pytest.raises(UnknownPersonError, match=r"^nobody is enrolled as Al Gor; did you mean Al Gore\?$"):
        register.person_named("Al Gor")
    with pytest.raises(UnknownPersonError, match=r"did you mean Grace Hopper\?"):
        register.person_named("hopper")
    with pytest.raises(UnknownPersonError, match=r"^nobody is enrolled as Zoë: see doorward people$"):
        register.person_named("Zoë")


def test_only_active_people_can_be_found(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "I agree.", BOTH)
    register.add_person("Grace", [face(2)], "I agree.")
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    assert ada.person_id not in {template.person_id for template in register.templates(MODEL)}
    register.set_status(ada.person_id, PersonStatus.ACTIVE)
    assert ada.person_id in {template.person_id for template in register.templates(MODEL)}
    register.set_status(ada.person_id, PersonStatus.REVOKED)
    assert ada.person_id not in {template.person_id for template in register.templates(MODEL)}
    assert register.crops(Purpose.TRAINING) == []
    with pytest.raises(RevokedPersonError, match="revoked for good"):
        register.set_status(ada.person_id, PersonStatus.ACTIVE)


def test_every_change_of_people_is_a_new_revision(register: Register) -> None:
    seen = [register.gallery_revision()]
    ada = register.add_person("Ada", [face(1)], "I agree.")
    seen.append(register.gallery_revision())
    register.add_templates(ada.person_id, [face(2)])
    seen.append(register.gallery_revision())
    register.set_status(ada.person_id, PersonStatus.SUSPENDED)
    seen.append(register.gallery_revision())
    register.erase(ada.person_id)
    seen.append(register.gallery_revision())
    assert seen == sorted(set(seen))
    with pytest.raises(UnknownPersonError):
        register.erase(ada.person_id)
    assert register.gallery_revision() == seen[-1]


def test_nothing_of_an_erased_person_is_left_in_the_files(register: Register, database: Path) -> None:
    ada = register.add_person("Ada Unmistakable", [face(1)], "Unmistakable words.")
    grace = register.add_person("Grace", [face(2)], "I agree.")
    register.append_event(
        door_event(
            outcome="granted",
            reason="recognised",
            person_id=ada.person_id,
            score=0.8,
            runner_up_id=grace.person_id,
            runner_up_score=0.2,
        )
    )
    register.append_event(
        door_event(
            reason="ambiguous",
            person_id=grace.person_id,
            score=0.8,
            runner_up_id=ada.person_id,
            runner_up_score=0.7,
        )
    )
    register.erase(ada.person_id)
    files = b"".join(path.read_bytes() for path in database.parent.glob("register.sqlite*"))
    for trace in (ada.person_id, "Unmistakable", "unmistakable"):
        assert trace.encode() not in files
    assert [person.name for person in register.people()] == ["Grace"]
    first, second = register.events()
    assert first.person_id == second.runner_up_id, "the events of one person still belong together"
    assert first.person_id not in (None, ada.person_id)
    assert (first.score, first.runner_up_id) == (0.8, grace.person_id)


def test_an_unknown_person_id_is_an_error(register: Register) -> None:
    nobody = PersonId("0" * 32)
    for ask in (register.person, register.consent, register.erase):
        with pytest.raises(UnknownPersonError, match=nobody):
            ask(nobody)
    with pytest.raises(UnknownPersonError):
        register.add_templates(nobody, [face(1)])
    assert register.templates(MODEL) == []


def test_events_come_back_as_they_were_written_oldest_first(register: Register) -> None:
    zone = timezone(timedelta(hours=2))
    ada, written = PersonId("a" * 32), list[DoorEvent]()
    for minute in range(5):
        event = door_event(
            at=datetime(2026, 11, 2, 12, minute, tzinfo=zone),
            door="front" if minute % 2 else "back",
            track=minute,
            outcome="fault" if minute == 3 else "denied",
            reason="camera_fault" if minute == 3 else "poor_quality",
            advice=(QualityReason.BLURRED, QualityReason.TOO_DARK),
            person_id=ada if minute == 1 else None,
            score=0.25,
            threshold=0.5,
            release="r",
            quality=Quality(99.5, 1, 2, 3, 4, 5, 6, (QualityReason.BLURRED,)),
            box=Box(1.5, 2, 3, 4),
            stages_ms={"detect": 14.5},
            frames=3,
            detail="words",
            clip_s=2.5,
        )
        written.append(replace(event, event_id=register.append_event(event)))
    assert register.events() == written
    assert register.events(limit=2) == written[3:]
    assert register.events(door="back") == written[::2]
    assert register.events(since=written[2].at, until=written[4].at) == written[2:4]
    assert register.events(person_id=ada) == [written[1]]
    assert register.events(outcome="fault") == [written[3]]
    assert [event.event_id for event in written] == sorted({event.event_id for event in written})


def test_a_crop_of_another_shape_is_refused(register: Register) -> None:
    from models.domain import FaceCrop
    from models.errors import RegisterError
    from models.register.records import EnrolledFace

    small = EnrolledFace(FaceCrop(np.zeros((96, 96, 3), np.uint8)), embedding(1))
    with pytest.raises(RegisterError, match="112"):
        register.add_person("Ada", [small], "I agree.")
    assert register.people() == []


def test_a_person_is_not_taken_in_when_others_have_changed_people_meanwhile(register: Register) -> None:
    seen = register.gallery_revision()
    register.add_person("Ada", [face(1)], "I agree.", seen_revision=seen)
    with pytest.raises(RegisterChangedError, match="try again"):
        register.add_person("Grace", [face(2)], "I agree.", seen_revision=seen)
    assert [person.name for person in register.people()] == ["Ada"]
    register.add_person("Grace", [face(2)], "I agree.", seen_revision=register.gallery_revision())
    assert len(register.people()) == 2
