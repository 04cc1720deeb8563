"""A release becomes active with all its templates or not at all, and thresholds belong to one gallery."""

from datetime import UTC, datetime

import pytest

from models.errors import ModelMismatchError, RegisterChangedError, ReleaseError
from models.register.records import (
    Calibration,
    CropEmbedding,
    Person,
    PersonStatus,
    Purpose,
)
from models.register.register import Register
from tests.models.register.faces import MODEL, embedding, face

NEXT = "network-b"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def embedded_again(register: Register, seed: int = 50) -> list[CropEmbedding]:
    crops = register.crops(Purpose.RECOGNITION)
    return [CropEmbedding(crop.crop_id, embedding(seed + place, NEXT)) for place, crop in enumerate(crops)]


def promote(register: Register, release_id: str = "release-b", *, seed: int = 50) -> int:
    register.prepare_templates(NEXT, embedded_again(register, seed))
    return register.activate_release(release_id, NEXT)


def calibration(revision: int, people: int = 1) -> Calibration:
    tails = {"searches": {"highest": [0.1, 0.2], "searched": people}}
    return Calibration("release-a", MODEL, revision, people, tails, {"fnir": 0.25}, NOON)


def test_a_new_register_has_no_active_release(register: Register) -> None:
    assert register.active_release_id() is None


def test_a_release_is_activated_with_its_templates(register: Register) -> None:
    register.add_person("Ada", [face(1), face(2)], "I agree.")
    revision = register.gallery_revision()
    register.prepare_templates(NEXT, embedded_again(register))
    assert register.gallery_revision() == revision, "nothing that a door sees has changed"
    assert register.activate_release("release-b", NEXT) == revision + 1
    assert register.active_release_id() == "release-b"
    assert len(register.templates(NEXT)) == len(register.templates(MODEL)) == 2
    register.activate_release("release-a", MODEL)
    assert register.active_release_id() == "release-a", "the old templates are there to go back to"


def test_pictures_read_before_a_release_became_active_are_refused(register: Register) -> None:
    """A desk that opened before a promotion must not enrol somebody whom no door will ever find."""
    register.add_person("Ada", [face(1)], "I agree.")
    promote(register)
    with pytest.raises(ModelMismatchError, match="enrol them again"):
        register.add_person("Grace", [face(2, MODEL)], "I agree.")
    assert [person.name for person in register.people()] == ["Ada"]
    register.add_person("Grace", [face(2, NEXT)], "I agree.")


def test_embedding_again_replaces_what_the_network_said_before(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.prepare_templates(NEXT, embedded_again(register, seed=50))
    promote(register, seed=60)
    (template,) = register.templates(NEXT)
    assert template.embedding.vector.tobytes() == embedding(60, NEXT).vector.tobytes()


@pytest.mark.parametrize("status", [PersonStatus.ACTIVE, PersonStatus.SUSPENDED])
def test_nobody_may_be_left_without_a_template(register: Register, status: PersonStatus) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    templates = embedded_again(register)
    late = register.add_person("Grace", [face(2)], "I agree.")
    register.set_status(late.person_id, status)
    revision = register.gallery_revision()
    register.prepare_templates(NEXT, templates)
    with pytest.raises(ReleaseError, match=r"1 pictures have no template of network-b \(Grace\)"):
        register.activate_release("release-b", NEXT)
    assert register.active_release_id() is None
    assert register.gallery_revision() == revision


def test_every_picture_needs_a_template_of_the_new_network(register: Register) -> None:
    ada = register.add_person("Ada", [face(1)], "I agree.")
    templates = embedded_again(register)
    register.add_templates(ada.person_id, [face(2)])
    register.prepare_templates(NEXT, templates)
    (missing,) = register.crops_lacking_templates(NEXT)
    assert missing not in {each.crop_id for each in templates}
    with pytest.raises(ReleaseError, match=r"no template of network-b \(Ada\)"):
        register.activate_release("release-b", NEXT)
    promote(register)
    assert len(register.templates(NEXT)) == 2


def test_the_revoked_are_embedded_too_and_the_erased_hold_up_no_release(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    revoked = register.add_person("Grace", [face(2)], "I agree.")
    erased = register.add_person("Mary", [face(3)], "I agree.")
    register.set_status(revoked.person_id, PersonStatus.REVOKED)
    templates = embedded_again(register)
    register.erase(erased.person_id)
    of_revoked = _crop_of(register, revoked)
    register.prepare_templates(NEXT, [each for each in templates if each.crop_id != of_revoked])
    with pytest.raises(ReleaseError, match="Grace"):
        register.activate_release("release-b", NEXT)
    register.prepare_templates(NEXT, templates)
    register.activate_release("release-b", NEXT)
    assert len(register.templates(NEXT)) == 1
    everybody = register.templates(NEXT, tuple(PersonStatus))
    assert {template.person_id for template in everybody} > {revoked.person_id}


def _crop_of(register: Register, person: Person) -> str:
    (crop,) = [c for c in register.crops(Purpose.RECOGNITION) if c.person_id == person.person_id]
    return crop.crop_id


def test_a_release_does_not_take_the_place_of_another_than_was_meant(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.prepare_templates(NEXT, embedded_again(register))
    register.activate_release("release-b", NEXT, instead_of=(None, "pretrained"))
    with pytest.raises(RegisterChangedError, match="another release"):
        register.activate_release("release-c", NEXT, instead_of=(None, "pretrained"))
    assert register.active_release_id() == "release-b"
    register.activate_release("release-c", NEXT, instead_of=("release-b",))
    assert register.active_release_id() == "release-c"


def test_templates_of_another_network_are_refused(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    (crop,) = register.crops(Purpose.RECOGNITION)
    with pytest.raises(ReleaseError, match="cannot be part of"):
        register.prepare_templates(NEXT, [CropEmbedding(crop.crop_id, embedding(1, MODEL))])
    assert register.crops_lacking_templates(NEXT) == [crop.crop_id]


def test_templates_that_doors_use_are_not_prepared_anew(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    promote(register)
    with pytest.raises(ReleaseError, match="is in use"):
        register.prepare_templates(NEXT, embedded_again(register))


def test_the_newest_calibration_counts_and_other_releases_have_their_own(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    before = register.gallery_revision()
    for people in (5, 3, 4):
        register.save_calibration(calibration(before, people))
    assert register.gallery_revision() == before + 3, "doors must look thresholds up anew"
    assert register.latest_calibration("release-a") == calibration(before, 4)
    assert register.latest_calibration("release-b") is None


def test_a_snapshot_holds_parts_that_belong_together(register: Register) -> None:
    register.add_person("Ada", [face(1)], "I agree.")
    register.save_calibration(calibration(register.gallery_revision()))
    snapshot = register.snapshot("release-a", MODEL)
    assert snapshot.gallery_revision == register.gallery_revision()
    assert snapshot.active_release_id is None
    assert len(snapshot.templates) == 1
    assert snapshot.calibration == calibration(snapshot.gallery_revision - 1)
