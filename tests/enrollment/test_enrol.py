"""`EnrolmentService` and `Roster`: who is enrolled, who is refused and why; a refusal changes nothing."""

import json
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.duplicates import DuplicateIndex
from enrollment.people import Roster
from enrollment.pictures import NamedPicture
from models.domain import Embedding, PersonId, Template
from models.errors import (
    ConsentError,
    DuplicatePersonError,
    InputError,
    NoFaceError,
    QualityError,
    RegisterChangedError,
    ReleaseError,
    RevokedPersonError,
    SeveralFacesError,
    UnknownPersonError,
)
from models.gallery.gallery import Gallery
from models.register.records import CropEmbedding, PersonStatus, Purpose
from models.register.register import Register
from tests.door_events import door_event
from tests.enrollment.painted import (
    BLURRED,
    MODEL,
    NOBODY,
    SEVERAL,
    PaintedAnalyser,
    PaintedDesk,
    desk,
    fixed_thresholds,
    picture,
    vector_of,
)

WORDS = "I agree to be recognised."
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def search(register: Register, person: int, take: int = 99) -> str | None:
    """The name that a door would find above its threshold."""
    gallery = Gallery.build(register.templates(MODEL), MODEL)
    result = gallery.search(Embedding(vector_of(person, take), MODEL))
    best, threshold = result.best, fixed_thresholds().identify(1).threshold
    found = best is not None and threshold.accepts(best.score, result.scale)
    return register.person(best.person_id).name if best is not None and found else None


def test_an_enrolled_person_is_found_by_a_new_picture(service: PaintedDesk, register: Register) -> None:
    done = service.enrol("Ada", [picture(1, 1), picture(1, 2)], WORDS)
    assert [name for name, _ in done.pictures] == ["1-1.jpg", "1-2.jpg"]
    assert done.lookalikes == ()
    assert search(register, 1) == "Ada"
    assert search(register, 2) is None
    consent = register.consent(done.person.person_id)
    assert (consent.text, consent.purposes) == (WORDS, {Purpose.RECOGNITION})
    assert register.crops(Purpose.TRAINING) == []


def test_consent_may_cover_training(service: PaintedDesk, register: Register) -> None:
    service.enrol("Ada", [picture(1)], WORDS, allow_training=True)
    assert len(register.crops(Purpose.TRAINING)) == 1


@pytest.mark.parametrize(
    ("pictures", "error", "message"),
    [
        ([], InputError, "no picture"),
        ([picture(1, 1, NOBODY)], NoFaceError, "1-1.jpg: no face"),
        ([picture(1, 1), picture(1, 2, SEVERAL)], SeveralFacesError, "1-2.jpg: 2 faces"),
        ([picture(1, 1, BLURRED)], QualityError, "1-1.jpg: the face is blurred"),
        ([picture(1, 1), picture(1, 2), picture(2, 1)], InputError, "^2-1.jpg: not the person of the other"),
    ],
)
def test_a_refused_picture_is_named_and_nobody_is_enrolled(
    service: PaintedDesk,
    register: Register,
    pictures: list[NamedPicture],
    error: type[InputError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        service.enrol("Ada", pictures, WORDS)
    assert register.people() == []


def test_a_quality_refusal_carries_its_reasons(service: PaintedDesk) -> None:
    with pytest.raises(QualityError) as caught:
        service.examine(picture(1, 1, BLURRED))
    assert caught.value.reasons == ("blurred",)


def test_the_largest_of_several_faces_is_taken_only_on_demand(service: PaintedDesk) -> None:
    with pytest.raises(SeveralFacesError):
        service.examine(picture(1, 1, SEVERAL))
    assert service.examine(picture(1, 1, SEVERAL), largest=True).name == "1-1.jpg"
    with pytest.raises(NoFaceError):
        service.examine(picture(1, 1, NOBODY), largest=True)


@pytest.mark.parametrize("words", ["", "  \n"])
def test_nobody_is_enrolled_without_consent(service: PaintedDesk, register: Register, words: str) -> None:
    with pytest.raises(ConsentError):
        service.enrol("Ada", [picture(1)], words)
    assert register.people() == []


def test_a_name_is_enrolled_once(service: PaintedDesk) -> None:
    service.enrol("Ada", [picture(1)], WORDS)
    with pytest.raises(DuplicatePersonError, match="Ada is enrolled already"):
        service.enrol("ADA", [picture(2)], WORDS)


@pytest.mark.parametrize("status", list(PersonStatus))
def test_a_face_is_enrolled_once_whatever_the_status_of_the_person(
    service: PaintedDesk, register: Register, status: PersonStatus
) -> None:
    ada = service.enrol("Ada", [picture(1, 1)], WORDS).person
    register.set_status(ada.person_id, status)
    with pytest.raises(DuplicatePersonError, match=rf"enrolled as Ada \({status}; score 0\.\d\d"):
        desk(register).enrol("Somebody Else", [picture(1, 2)], WORDS)
    assert [person.name for person in register.people()] == ["Ada"]


def test_a_revoked_face_is_refused_after_a_change_of_the_network(register: Register) -> None:
    ada = desk(register).enrol("Ada", [picture(1, 1)], WORDS).person
    register.set_status(ada.person_id, PersonStatus.REVOKED)
    crops = register.crops(Purpose.RECOGNITION)
    embedded = [CropEmbedding(crop.crop_id, Embedding(vector_of(1, 1), "painted-2")) for crop in crops]
    register.prepare_templates("painted-2", embedded)
    register.activate_release("release-2", "painted-2")
    (kept,) = register.templates("painted-2", (PersonStatus.REVOKED,))
    index = DuplicateIndex(register, "painted-2")
    index.refresh()
    (found,) = index.nearest(Embedding(vector_of(1, 2), "painted-2"))
    assert (found.person_id, kept.person_id) == (ada.person_id, ada.person_id)
    assert found.score > 0.5


def test_twins_can_be_allowed_and_are_reported_as_lookalikes(service: PaintedDesk) -> None:
    service.enrol("Ada", [picture(1, 1)], WORDS)
    done = service.enrol("Ada's twin", [picture(1, 2)], WORDS, allow_duplicate=True)
    (lookalike,) = done.lookalikes
    assert lookalike.name == "Ada"
    before = Gallery.build(
        [Template("one", PersonId("ada"), Embedding(vector_of(1, 1), MODEL))], MODEL
    ).search(Embedding(vector_of(1, 2), MODEL))
    assert before.best is not None
    assert lookalike.score == pytest.approx(before.best.score, abs=1e-5)


def test_somebody_between_two_people_is_reported_as_a_lookalike_of_both(service: PaintedDesk) -> None:
    service.enrol("Ada", [picture(1, 1)], WORDS)
    service.enrol("Grace", [picture(2, 1)], WORDS)
    service.enrol("Mary", [picture(3, 1)], WORDS)
    done = service.enrol("Both", [picture(1, 5, other=2)], WORDS)
    assert {lookalike.name for lookalike in done.lookalikes} == {"Ada", "Grace"}
    assert [one.score for one in done.lookalikes] == sorted((o.score for o in done.lookalikes), reverse=True)


def test_pictures_can_be_added_of_the_same_person_only(service: PaintedDesk, register: Register) -> None:
    service.enrol("Ada", [picture(1, 1)], WORDS)
    service.add_pictures("ada", [picture(1, 2)])
    assert len(register.templates(MODEL)) == 2
    with pytest.raises(InputError, match=r"2-1\.jpg: not recognised as Ada \(score"):
        service.add_pictures("Ada", [picture(1, 3), picture(2, 1)])
    assert len(register.templates(MODEL)) == 2
    with pytest.raises(UnknownPersonError):
        service.add_pictures("Grace", [picture(2, 1)])
    with pytest.raises(InputError, match="no picture"):
        service.add_pictures("Ada", [])


def test_pictures_are_not_added_to_the_revoked(service: PaintedDesk, register: Register) -> None:
    service.enrol("Ada", [picture(1, 1)], WORDS)
    Roster(register, lambda: None).revoke("Ada")
    with pytest.raises(RevokedPersonError, match="erase the person"):
        service.add_pictures("Ada", [picture(1, 2)])


def test_added_pictures_are_counted_and_leave_the_consent_as_it_is(
    service: PaintedDesk, register: Register
) -> None:
    ada = service.enrol("Ada", [picture(1, 1)], WORDS, allow_training=True).person
    done = service.add_pictures("Ada", [picture(1, 2), picture(1, 3)])
    assert (len(done.pictures), done.photos, done.purposes) == (2, 3, set(Purpose))
    assert [one.text for one in register.consents(ada.person_id)] == [WORDS]


def test_a_consent_given_with_added_pictures_is_recorded_as_the_newest(
    service: PaintedDesk, register: Register
) -> None:
    ada = service.enrol("Ada", [picture(1, 1)], WORDS).person
    done = service.add_pictures("Ada", [picture(1, 2)], "Training too.", allow_training=True)
    assert done.purposes == set(Purpose)
    newest = register.consent(ada.person_id)
    assert (newest.text, newest.purposes) == ("Training too.", set(Purpose))
    assert len(register.crops(Purpose.TRAINING)) == 2


@pytest.mark.parametrize(
    ("pictures", "consent", "error"),
    [
        ([picture(2, 1)], "Training too.", InputError),
        ([picture(1, 2)], None, ConsentError),
        ([picture(1, 2)], " ", ConsentError),
    ],
)
def test_a_refused_addition_records_no_consent_and_stores_no_picture(
    service: PaintedDesk,
    register: Register,
    pictures: list[NamedPicture],
    consent: str | None,
    error: type[InputError],
) -> None:
    ada = service.enrol("Ada", [picture(1, 1)], WORDS).person
    with pytest.raises(error):
        service.add_pictures("Ada", pictures, consent, allow_training=True)
    assert [one.text for one in register.consents(ada.person_id)] == [WORDS]
    assert len(register.templates(MODEL)) == 1


def test_after_every_change_the_thresholds_are_found_again(register: Register) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(register.gallery_revision())

    service = desk(register, after_change=look)
    roster = Roster(register, look)
    service.enrol("Ada", [picture(1)], WORDS)
    service.add_pictures("Ada", [picture(1, 2)])
    roster.suspend("Ada")
    roster.restore("Ada")
    roster.revoke("Ada")
    roster.erase("Ada")
    assert looks == sorted(set(looks))
    assert len(looks) == 6
    with pytest.raises(DuplicatePersonError):
        [service.enrol("Ada", [picture(1)], WORDS), service.enrol("Ada", [picture(2)], WORDS)]
    assert len(looks) == 7


def test_suspended_people_come_back_and_revoked_ones_do_not(service: PaintedDesk, register: Register) -> None:
    roster = Roster(register, lambda: None)
    service.enrol("Ada", [picture(1)], WORDS)
    assert roster.suspend("ada").status is PersonStatus.SUSPENDED
    assert search(register, 1) is None
    assert roster.restore("ada").status is PersonStatus.ACTIVE
    assert search(register, 1) == "Ada"
    assert roster.revoke("ada").status is PersonStatus.REVOKED
    for change in (roster.restore, roster.suspend):
        with pytest.raises(RevokedPersonError) as caught:
            change("ada")
        assert (caught.value.code, caught.value.status) == ("person_revoked", 409)
    with pytest.raises(UnknownPersonError, match="nobody is enrolled as Grace"):
        roster.erase("Grace")


def test_a_person_is_shown_all_that_is_kept(service: PaintedDesk, register: Register, tmp_path: Path) -> None:
    ada = service.enrol("Ada", [picture(1, 1), picture(1, 2)], WORDS).person
    grace = service.enrol("Grace", [picture(2, 1)], "Other words.").person
    for person in (ada, grace):
        register.append_event(
            door_event(outcome="granted", reason="recognised", person_id=person.person_id, score=0.75)
        )
    roster = Roster(register, lambda: None)
    roster.revoke("Ada")
    written = roster.export("ada", tmp_path / "for-ada")
    assert [path.name for path in written] == ["person.json", "picture-1.png", "picture-2.png"]
    text = written[0].read_text()
    record = json.loads(text)
    assert record["person"]["name"] == "Ada"
    assert [one["text"] for one in record["consents"]] == [WORDS]
    assert [event["score"] for event in record["events"]] == [0.75]
    assert "Grace" not in text
    assert grace.person_id not in text
    shown = sorted(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB).tobytes() for path in written[1:])
    kept = [PaintedAnalyser().only_face(picture(1, take).image).crop.image.tobytes() for take in (1, 2)]
    assert shown == sorted(kept)
    with pytest.raises(InputError, match="cannot be written"):
        roster.export("Ada", written[0])
    with pytest.raises(UnknownPersonError):
        roster.export("Nobody", tmp_path)


def test_an_erased_name_and_face_can_be_enrolled_anew(service: PaintedDesk, register: Register) -> None:
    first = service.enrol("Ada", [picture(1)], WORDS).person
    Roster(register, lambda: None).erase("Ada")
    second = service.enrol("Ada", [picture(1)], WORDS).person
    assert first.person_id != second.person_id


@settings(max_examples=15, deadline=None)
@given(
    people=st.lists(st.integers(1, 200), min_size=1, max_size=6, unique=True),
    ending=st.sampled_from(["suspend", "revoke", "erase"]),
    data=st.data(),
)
def test_suspended_revoked_and_erased_people_are_never_found(
    people: list[int], ending: str, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(people)))
    with (
        tempfile.TemporaryDirectory() as folder,
        Register.open(Path(folder) / "r.sqlite", bytes(32)) as register,
    ):
        service, roster = desk(register), Roster(register, lambda: None)
        for person in people:
            service.enrol(f"P{person}", [picture(person, 1)], WORDS)
        for person in gone:
            getattr(roster, ending)(f"P{person}")
        for person in people:
            assert search(register, person) == (None if person in gone else f"P{person}")


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(list(range(1, 7))))
def test_the_order_of_enrolment_does_not_matter(order: list[int]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Register.open(Path(folder) / "r.sqlite", bytes(32)) as register,
    ):
        service = desk(register)
        for person in order:
            service.enrol(f"P{person}", [picture(person, 1), picture(person, 2)], WORDS)
        gallery = Gallery.build(register.templates(MODEL), MODEL)
        for person in range(1, 9):
            result = gallery.search(Embedding(vector_of(person, 7), MODEL))
            scores = naive_scores(register.templates(MODEL), vector_of(person, 7))
            assert result.best is not None
            found = fixed_thresholds().identify(1).threshold.accepts(result.best.score, result.scale)
            assert found == (person <= 6)
            if found:
                assert register.person(result.best.person_id).name == f"P{person}"
                assert max(scores, key=lambda one: scores[one]) == result.best.person_id


def naive_scores(templates: list[Template], probe: np.ndarray) -> dict[PersonId, float]:
    """The best score of each person, by a plain loop."""
    best: dict[PersonId, float] = {}
    for template in templates:
        score = float(sum(a * b for a, b in zip(template.embedding.vector, probe, strict=True)))
        best[template.person_id] = max(score, best.get(template.person_id, -1.0))
    return best


def test_changes_by_somebody_else_are_noticed(service: PaintedDesk, register: Register) -> None:
    service.enrol("Ada", [picture(1, 1)], WORDS)
    desk(register).enrol("Grace", [picture(2, 1)], WORDS)
    with pytest.raises(DuplicatePersonError, match=re.escape("enrolled as Grace")):
        service.enrol("Grace again", [picture(2, 2)], WORDS)


class ChangingRegister:
    """A register that somebody else changes just before a person is stored."""

    def __init__(self, register: Register, others: list[Callable[[], object]]) -> None:
        self._register, self._others = register, others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._register, name)

    def add_person(self, *given: Any, **named: Any) -> Any:
        if self._others:
            self._others.pop(0)()
        return self._register.add_person(*given, **named)


def test_two_desks_cannot_enrol_one_newcomer_twice(register: Register) -> None:
    other = desk(register)
    slow = desk(
        cast(Register, ChangingRegister(register, [lambda: other.enrol("Ada", [picture(1, 1)], WORDS)]))
    )
    with pytest.raises(DuplicatePersonError, match="enrolled as Ada"):
        slow.enrol("Eve", [picture(1, 2)], WORDS)
    assert [person.name for person in register.people()] == ["Ada"]


def test_two_desks_enrol_two_people_at_once(register: Register) -> None:
    other = desk(register)
    slow = desk(cast(Register, ChangingRegister(register, [lambda: other.enrol("Ada", [picture(1)], WORDS)])))
    slow.enrol("Grace", [picture(2)], WORDS)
    slow.enrol("Hedy", [picture(3)], WORDS)
    with pytest.raises(DuplicatePersonError, match="enrolled as Ada"):
        slow.enrol("Eve", [picture(1, 2)], WORDS)
    assert [search(register, person) for person in (1, 2, 3)] == ["Ada", "Grace", "Hedy"]


def test_enrolment_fails_with_a_typed_error_when_others_change_people_each_time(register: Register) -> None:
    other = desk(register)
    crowd = [
        lambda number=number: other.enrol(f"P{number}", [picture(number)], WORDS) for number in range(2, 9)
    ]
    with pytest.raises(RegisterChangedError, match="try again"):
        desk(cast(Register, ChangingRegister(register, crowd))).enrol("Ada", [picture(1)], WORDS)
    assert register.find_person("Ada") is None


def test_nobody_is_enrolled_for_a_release_that_is_no_longer_in_force(
    service: PaintedDesk, register: Register
) -> None:
    service.enrol("Ada", [picture(1)], WORDS)
    register.activate_release("another-release", MODEL)
    with pytest.raises(ReleaseError, match="another release"):
        service.enrol("Grace", [picture(2)], WORDS)
    with pytest.raises(ReleaseError, match="another release"):
        service.add_pictures("Ada", [picture(1, 2)])
    assert len(register.templates(MODEL)) == 1
