"""PINs, cards and refused faces in the register."""

import random
import sqlite3
from pathlib import Path

import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st

from models.domain import PersonId
from models.errors import (
    ConsentError,
    CredentialTakenError,
    DuplicatePersonError,
    FaceRefusedError,
    InputError,
    PinError,
)
from models.register.access_records import PinKind, PinMatch
from models.register.cards import clean_number
from models.register.pins import pin_lookup
from models.register.records import Purpose
from models.register.register import Register
from models.rules.factors import Factor
from models.rules.policy import OPEN_SITE, Policy, Rule
from models.storage.keys import KeyFile
from tests.models.register.faces import MODEL, face

PIN, DURESS_PIN, OTHER_PIN = "8035", "9472", "6172"
CARD = "04:A2:2B:91:C3"
BY_PIN_ALONE = Policy(rules=(Rule("pin", "everyone", frozenset({"*"}), ways=(frozenset({Factor.PIN}),)),))


@pytest.fixture
def ada(register: Register) -> PersonId:
    return register.add_person("Ada", [face(1)], "I agree.").person_id


@pytest.fixture
def bob(register: Register) -> PersonId:
    return register.add_person("Bob", [face(2)], "I agree.").person_id


# --- PINs -------------------------------------------------------------------------------------------------


def test_a_pin_is_its_owners_and_nobody_elses(register: Register, ada: PersonId, bob: PersonId) -> None:
    register.set_pin(ada, PIN)
    register.set_pin(ada, DURESS_PIN, PinKind.DURESS)
    register.set_pin(bob, OTHER_PIN)
    expected = {
        (ada, PIN): PinMatch.NORMAL,
        (ada, DURESS_PIN): PinMatch.DURESS,
        (bob, OTHER_PIN): PinMatch.NORMAL,
    }
    for person_id in (ada, bob, PersonId("nobody")):
        for pin in (PIN, DURESS_PIN, OTHER_PIN, "0000", "", "8035 ", "８０３５", PIN + "0" * 100):
            assert register.check_pin(person_id, pin) == expected.get((person_id, pin), PinMatch.NONE)
    assert register.find_pin(PIN) == (ada, PinMatch.NORMAL)
    assert register.find_pin(DURESS_PIN) == (ada, PinMatch.DURESS)
    assert register.find_pin("0000") is None


def test_before_the_first_pin_none_fits(register: Register, ada: PersonId) -> None:
    assert register.check_pin(ada, PIN) is PinMatch.NONE
    assert register.find_pin(PIN) is None


def test_a_new_pin_takes_the_place_of_the_old_one(register: Register, ada: PersonId) -> None:
    for pin in (PIN, OTHER_PIN, OTHER_PIN):
        register.set_pin(ada, pin)
    assert register.check_pin(ada, PIN) is PinMatch.NONE
    assert register.check_pin(ada, OTHER_PIN) is PinMatch.NORMAL
    register.set_pin(ada, DURESS_PIN, PinKind.DURESS)
    assert register.remove_pin(ada) == (PinKind.NORMAL, PinKind.DURESS)
    assert register.check_pin(ada, OTHER_PIN) is register.check_pin(ada, DURESS_PIN) is PinMatch.NONE


def test_no_two_pins_of_a_site_are_equal(register: Register, ada: PersonId, bob: PersonId) -> None:
    register.set_pin(ada, PIN)
    register.set_pin(ada, DURESS_PIN, PinKind.DURESS)
    for taken in (PIN, DURESS_PIN):
        with pytest.raises(CredentialTakenError) as caught:
            register.set_pin(bob, taken)
        assert "Ada" not in str(caught.value), "whose PIN it is stays unsaid"
    register.set_pin(bob, OTHER_PIN)
    with pytest.raises(CredentialTakenError):
        register.set_pin(bob, PIN, PinKind.DURESS)
    with pytest.raises(CredentialTakenError, match="must differ"):
        register.set_pin(bob, OTHER_PIN, PinKind.DURESS)
    assert register.check_pin(bob, OTHER_PIN) is PinMatch.NORMAL


def test_a_pin_for_duress_needs_a_normal_one(register: Register, ada: PersonId) -> None:
    with pytest.raises(InputError, match="needs a normal PIN"):
        register.set_pin(ada, DURESS_PIN, PinKind.DURESS)


@pytest.mark.parametrize("pin", ["", "123", "1111", "1234", "80a5", "803512345"])
def test_what_is_easy_to_guess_is_no_pin(register: Register, ada: PersonId, pin: str) -> None:
    with pytest.raises(PinError, match="choose another"):
        register.set_pin(ada, pin)
    assert register.changes(person_id=ada)[-1].action == "person_added"


def test_a_pin_that_identifies_alone_is_long_enough_for_the_number_of_people(
    register: Register, ada: PersonId
) -> None:
    """Ten people may have four digits; the eleventh makes five necessary."""
    people = [ada] + [
        register.add_person_without_face(f"Person {number}", "I agree.").person_id for number in range(10)
    ]
    register.set_policy(BY_PIN_ALONE)
    pins = random.Random(1).sample([f"{number:04d}" for number in range(2013, 9900, 37)], 11)
    for person_id, pin in zip(people, pins[:10], strict=False):
        register.set_pin(person_id, pin)
    with pytest.raises(PinError, match="5 to 8 digits"):
        register.set_pin(people[10], pins[10])
    register.set_policy(OPEN_SITE)
    register.set_pin(people[10], pins[10])
    with pytest.raises(InputError, match="needs 5 digits: 11 people"):
        register.set_policy(BY_PIN_ALONE)
    assert register.policy() == OPEN_SITE


def test_a_pin_is_found_by_argon2_under_the_key_of_credentials() -> None:
    """The same by the packages' own calls, written apart from the code."""
    import hashlib

    key = bytes(range(32))
    salt = hashlib.blake2b(b"salt of PINs", key=key, digest_size=16).digest()
    slow = hash_secret_raw(
        PIN.encode(), salt, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID
    )
    assert pin_lookup(key, PIN) == hashlib.blake2b(b"PIN" + slow, key=key, digest_size=32).digest()
    assert pin_lookup(bytes(32), PIN) == pin_lookup(None, PIN) != pin_lookup(key, PIN)


def test_neither_pins_nor_card_numbers_are_in_the_database(
    register: Register, ada: PersonId, database: Path
) -> None:
    register.set_pin(ada, "80351946")
    register.set_pin(ada, "94720163", PinKind.DURESS)
    register.add_card(ada, "777888999111")
    register.check_pin(ada, "55512389")
    register.find_pin("55512389")
    with sqlite3.connect(database) as raw:
        rows = [raw.execute(f"SELECT * FROM {table}").fetchall() for table in ("pins", "cards", "changes")]
    raw.close()
    assert len(rows[0]) == 2
    for secret in ("80351946", "94720163", "777888999111", "55512389"):
        assert secret not in str(rows)
        for file in database.parent.glob("register.sqlite*"):
            assert secret.encode() not in file.read_bytes()


def test_changing_the_key_keeps_pins_and_cards(
    register: Register, ada: PersonId, bob: PersonId, database: Path, key_file: KeyFile
) -> None:
    register.set_pin(ada, PIN)
    register.set_pin(ada, DURESS_PIN, PinKind.DURESS)
    register.add_card(ada, CARD)
    for _ in range(2):
        register.rotate_key()
        assert register.check_pin(ada, PIN) is PinMatch.NORMAL
        assert register.find_pin(DURESS_PIN) == (ada, PinMatch.DURESS)
        assert register.card_owner(CARD) == ada
        assert [card.number for card in register.cards()] == ["4A22B91C3"]
        with pytest.raises(CredentialTakenError):
            register.set_pin(bob, PIN)
        assert register.access_snapshot().person(ada).has_pin
    with Register.open(database, key_file) as again:
        assert again.check_pin(ada, PIN) is PinMatch.NORMAL


def test_pins_and_cards_work_in_the_middle_of_a_change_of_keys(
    register: Register, ada: PersonId, bob: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.set_pin(ada, PIN)
    register.add_card(ada, CARD)
    seen: list[object] = []

    def interrupt(*_: object) -> None:
        seen.append((register.find_pin(PIN), register.card_owner(CARD)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("models.register.connection.end_rotation", interrupt)
        with pytest.raises(KeyboardInterrupt):
            register.rotate_key()
    assert seen == [((ada, PinMatch.NORMAL), ada)]
    register.set_pin(bob, OTHER_PIN)
    register.add_card(bob, "4711")
    assert register.check_pin(bob, OTHER_PIN) is PinMatch.NORMAL
    register.rotate_key()
    assert register.find_pin(PIN) == (ada, PinMatch.NORMAL)
    assert register.find_pin(OTHER_PIN) == (bob, PinMatch.NORMAL)
    assert [card.number for card in register.cards()] == ["4711", "4A22B91C3"]


# --- cards ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [("4711", "4711"), ("0004711", "4711"), (CARD, "4A22B91C3"), ("04-a2 2b", "4A22B"), ("A0", "A0")],
)
def test_a_card_number_has_one_form(written: str, number: str) -> None:
    assert clean_number(written) == number


@pytest.mark.parametrize("written", ["", "0", "00:00", "47g1", "1" * 65, "４７"])
def test_what_is_no_card_number_is_refused(written: str) -> None:
    with pytest.raises(InputError, match="no card number"):
        clean_number(written)


def test_what_a_reader_sends_without_being_a_number_is_nobodys(register: Register, ada: PersonId) -> None:
    register.add_card(ada, CARD)
    assert [register.card_owner(sent) for sent in ("", "0", "47g1", "1" * 65)] == [None] * 4


@given(st.text("0123456789abcdefABCDEF:- ", max_size=30))
def test_writing_a_number_in_its_one_form_again_changes_nothing(written: str) -> None:
    try:
        number = clean_number(written)
    except InputError:
        assert not set(written) - set("0:- ")
    else:
        assert clean_number(number) == number
        digits = written.replace(":", "").replace("-", "").replace(" ", "")
        assert int(number, 16) == int(digits, 16)


def test_a_card_opens_for_its_owner_alone(register: Register, ada: PersonId, bob: PersonId) -> None:
    assert register.card_owner(CARD) is None
    register.add_card(ada, CARD)
    register.add_card(ada, "4711")
    assert register.card_owner("04A22B91C3") == register.card_owner("0 4711") == ada
    with pytest.raises(CredentialTakenError, match="Ada's"):
        register.add_card(bob, "4711")
    assert [card.number for card in register.cards(ada)] == ["4711", "4A22B91C3"]
    assert register.cards(bob) == []
    register.remove_card(CARD)
    assert register.card_owner(CARD) is None
    with pytest.raises(InputError, match="nobody's"):
        register.remove_card(CARD)
    assert [str(change.action) for change in register.changes(person_id=ada)][-3:] == [
        "card_added",
        "card_added",
        "card_removed",
    ]


# --- faces that are not wanted ----------------------------------------------------------------------------


def test_a_person_without_a_face_has_pin_and_card_and_no_picture(register: Register) -> None:
    eve = register.add_person_without_face("Eve", "I was told what is kept.").person_id
    register.set_pin(eve, PIN)
    register.add_card(eve, CARD)
    assert register.consent(eve).purposes == frozenset()
    assert register.find_pin(PIN) == (eve, PinMatch.NORMAL)
    assert register.templates(MODEL) == []
    with pytest.raises(FaceRefusedError, match="doorward face allow"):
        register.add_templates(eve, [face(1)], "I agree.")
    with pytest.raises(FaceRefusedError):
        register.set_consent(eve, "I agree.", {Purpose.RECOGNITION})
    with pytest.raises(DuplicatePersonError):
        register.add_person_without_face("EVE", "I was told.")
    with pytest.raises(ConsentError):
        register.add_person_without_face("Mallory", " ")
    assert register.find_person("Mallory") is None


def test_refusing_the_face_deletes_it_and_keeps_the_person(
    register: Register, ada: PersonId, database: Path
) -> None:
    register.add_templates(ada, [face(3)], "To both.", set(Purpose))
    register.set_pin(ada, PIN)
    pictures = [crop.crop.image.tobytes() for crop in register.crops(Purpose.RECOGNITION)]
    assert len(pictures) == 2
    assert register.refuse_face(ada) == 2
    assert register.templates(MODEL) == register.crops(Purpose.RECOGNITION) == register.crops() == []
    assert register.consent(ada).purposes == frozenset()
    assert register.check_pin(ada, PIN) is PinMatch.NORMAL
    assert not register.access_snapshot().person(ada).suspended
    assert [str(each.action) for each in register.changes(person_id=ada)][-2:] == [
        "consent_recorded",
        "face_refused",
    ]
    with sqlite3.connect(database) as raw:
        counts = [raw.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("crops", "templates")]
    raw.close()
    assert counts == [(0,), (0,)]
    assert register.refuse_face(ada) == 0


def test_a_face_that_is_allowed_again_needs_a_new_consent(register: Register, ada: PersonId) -> None:
    register.refuse_face(ada)
    register.allow_face(ada)
    with pytest.raises(ConsentError, match="new one"):
        register.add_templates(ada, [face(1)])
    assert register.add_templates(ada, [face(1)], "I agree again.") == 1
    assert register.changes(person_id=ada)[-1].action == "pictures_added"
