"""What the register keeps of releases: which were made here, the verdict, and whom they learnt from."""

import dataclasses
from datetime import UTC, datetime

import pytest

from models.domain import PersonId
from models.errors import ReleaseError
from models.register.records import GateAttempt, ReleaseRecord
from models.register.register import Register
from tests.models.register.faces import face

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def record(release_id: str = "release-b", trained_on: tuple[PersonId, ...] = ()) -> ReleaseRecord:
    return ReleaseRecord(
        release_id=release_id,
        manifest_sha256="ab" * 32,
        parent="release-a",
        passed=False,
        verdict={"comparisons": []},
        override_reason=None,
        trained_on=trained_on,
        recorded_at=NOON,
    )


def test_a_release_is_recorded_once_and_as_it_is(register: Register) -> None:
    assert register.release_record("release-b") is None
    register.record_release(record())
    assert register.release_record("release-b") == record()
    with pytest.raises(ReleaseError, match="already"):
        register.record_release(dataclasses.replace(record(), passed=True))
    assert register.release_records() == [record()]


def test_an_override_needs_a_reason_and_a_release(register: Register) -> None:
    register.record_release(record())
    with pytest.raises(ReleaseError, match="reason"):
        register.record_override("release-b", "  ")
    with pytest.raises(ReleaseError, match="not made here"):
        register.record_override("release-c", "a trial")
    register.record_override("release-b", " a trial ")
    found = register.release_record("release-b")
    assert found is not None
    assert (found.override_reason, found.passed) == ("a trial", False)


def test_an_erased_person_is_in_no_list_of_those_learnt_from(register: Register) -> None:
    ada, grace = (register.add_person(name, [face(1)], "I agree.").person_id for name in ("Ada", "Grace"))
    register.record_release(record("release-b", (ada, grace)))
    register.record_release(record("release-c", (grace,)))
    register.erase(ada)
    assert [each.trained_on for each in register.release_records()] == [(grace,), (grace,)]


def test_attempts_count_for_the_release_that_was_to_be_replaced(register: Register) -> None:
    for champion in ("release-a", "release-a", "release-b"):
        register.record_attempt(GateAttempt(champion, "cd" * 32, False, {"sets": []}, NOON))
    counted = [register.count_attempts(champion) for champion in ("release-a", "release-b", "release-c")]
    assert counted == [2, 1, 0]
