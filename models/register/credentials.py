"""`Credentials`: the part of the register that keeps PINs and cards, and who refuses to have a face kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from models.domain import PersonId
from models.errors import InputError
from models.register import cards, faces, people, person_access, pins, policies, state
from models.register.access_records import Card, PersonCredentials, PinKind, PinMatch
from models.register.base import RegisterBase
from models.register.credential_key import credential_key, make_credential_key
from models.register.door_state import failures_of, passages_of
from models.register.records import ChangeAction, Person
from models.register.session import RegisterSession

T = TypeVar("T")


class Credentials(RegisterBase):
    """PINs, cards and refused faces; each method is one transaction, that of a PIN two.

    A PIN is never written anywhere, neither in clear nor encrypted. Computing what it is found by takes about
    50 ms, outside of any transaction: a door should not do it in the thread that reads the camera.
    Every method may raise RegisterLockedError, StorageFullError, RegisterError.
    """

    # --- PINs ---------------------------------------------------------------------------------------------

    def set_pin(self, person_id: PersonId, pin: str, kind: PinKind = PinKind.NORMAL) -> None:
        """Give a person a PIN, in the place of the one before.

        Raises:
            UnknownPersonError: nobody has that id.
            PinError: it is no PIN, too easy to guess, or too short at this site.
            InputError: one for duress without a normal one.
            CredentialTakenError: somebody has it already, or it is the person's other PIN.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            pins.check_new_pin(session, person_id, pin, policies.newest_policy(session))
            key = make_credential_key(session)
        lookup = pins.pin_lookup(key, pin)
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            pins.insert_pin(session, person_id, kind, len(pin), lookup)
            self._record_change(session, ChangeAction.PIN_SET, person_id, new={"pin": str(kind)})
            state.bump_rules(session)

    def remove_pin(self, person_id: PersonId) -> tuple[PinKind, ...]:
        """Take the PINs of a person away, the one for duress too; returns which there were.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            kinds = pins.kinds_of(session, person_id)
            pins.delete_pins(session, person_id)
            for kind in kinds:
                self._record_change(session, ChangeAction.PIN_REMOVED, person_id, old={"pin": str(kind)})
            if kinds:
                state.bump_rules(session)
            return kinds

    def check_pin(self, person_id: PersonId, pin: str) -> PinMatch:
        """Return what a PIN is to a person; takes as long for a person without one, or for nobody."""
        return self._look_up(pin, lambda session, lookup: pins.match_of(session, person_id, pin, lookup))

    def find_pin(self, pin: str) -> tuple[PersonId, PinMatch] | None:
        """Return whose PIN it is, and which; None when it is nobody's. As quick for many as for few."""
        return self._look_up(pin, lambda session, lookup: pins.owner_of(session, pin, lookup))

    def _look_up(self, pin: str, read: Callable[[RegisterSession, bytes], T]) -> T:
        with self._connection.reading() as session:
            key = credential_key(session)
        lookup = pins.pin_lookup(key, pin)
        with self._connection.reading() as session:
            return read(session, lookup)

    # --- cards --------------------------------------------------------------------------------------------

    def add_card(self, person_id: PersonId, number: str) -> Card:
        """Give a person a card; several are allowed.

        Raises:
            UnknownPersonError: nobody has that id.
            CredentialTakenError: the card is somebody's.
            InputError: it is no number.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            card = cards.insert_card(session, make_credential_key(session), person_id, number)
            self._record_change(session, ChangeAction.CARD_ADDED, person_id, new={"card": card.card_id})
            state.bump_rules(session)
            return card

    def remove_card(self, number: str) -> Card:
        """Take a card away from its owner. Raises InputError: it is nobody's, or no number."""
        with self._connection.writing() as session:
            card = cards.find_card(session, credential_key(session), number)
            if card is None:
                raise InputError(
                    f"the card {cards.clean_number(number)} is nobody's: see `doorward card list`"
                )
            cards.delete_card(session, card)
            self._record_change(
                session, ChangeAction.CARD_REMOVED, card.person_id, old={"card": card.card_id}
            )
            state.bump_rules(session)
            return card

    def cards(self, person_id: PersonId | None = None) -> list[Card]:
        """Return the cards of a person, or of everybody with None, ordered by number."""
        with self._connection.reading() as session:
            return cards.cards_of(session, person_id)

    def card_owner(self, number: str) -> PersonId | None:
        """Return whose card it is; None when it is nobody's, or no number: a reader may send anything."""
        with self._connection.reading() as session:
            key = credential_key(session)
            try:
                card = cards.find_card(session, key, number)
            except InputError:
                return None
            return None if card is None else card.person_id

    # --- faces that are not wanted ------------------------------------------------------------------------

    def add_person_without_face(self, name: str, consent_text: str, at: datetime | None = None) -> Person:
        """Add a person who uses a PIN or a card, and of whom no template may be stored.

        Args:
            name: of the person.
            consent_text: what the person was told of the data that are kept, and agreed to.
            at: when; None is now.

        Raises:
            DuplicatePersonError: the name is taken.
            ConsentError: there is no text.
            InputError: the name is empty, too long or not printable.
        """
        at = at or datetime.now(UTC)
        with self._connection.writing() as session:
            person = people.insert_person(session, name, at)
            people.insert_consent_without_face(session, person.person_id, consent_text, at)
            person_access.set_face_refused(session, person.person_id, True)
            state.bump_rules(session)
            self._record_change(
                session,
                ChangeAction.PERSON_ADDED,
                person.person_id,
                new={"status": str(person.status), "photos": 0, "purposes": [], "face_refused": True},
            )
            return person

    def refuse_face(self, person_id: PersonId) -> int:
        """Delete the templates and pictures of a person and store none any more; returns how many pictures.

        The person stays, with groups, PIN and cards. The consent in force no longer covers recognition.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            photos = faces.delete_faces(session, person_id)
            if not person_access.settings_of(session, person_id).face_refused:
                self._withdraw(session, person_id)
                person_access.set_face_refused(session, person_id, True)
                self._record_change(
                    session,
                    ChangeAction.FACE_REFUSED,
                    person_id,
                    old={"photos": photos},
                    new={"photos": 0},
                )
            state.bump_revision(session)
            state.bump_rules(session)
        self._connection.empty_log()
        return photos

    def check_face_allowed(self, person_id: PersonId) -> None:
        """Raise FaceRefusedError for a person of whom no template may be stored.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.reading() as session:
            people.person_row(session, person_id)
            person_access.refuse_refused_face(session, person_id)

    def allow_face(self, person_id: PersonId) -> None:
        """Let pictures of a person be enrolled again, under a new consent. Raises UnknownPersonError."""
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            if person_access.settings_of(session, person_id).face_refused:
                person_access.set_face_refused(session, person_id, False)
                self._record_change(session, ChangeAction.FACE_ALLOWED, person_id)

    def _withdraw(self, session: RegisterSession, person_id: PersonId) -> None:
        """Record that the consent in force covers neither recognition nor training any more."""
        recorded = people.consents_of(session, person_id)
        if recorded:
            text = recorded[-1].text
            people.insert_consent_without_face(session, person_id, text, datetime.now(UTC))
            self._record_change(
                session,
                ChangeAction.CONSENT_RECORDED,
                person_id,
                old={"purposes": sorted(map(str, recorded[-1].purposes))},
                new={"purposes": []},
            )

    # --- for the person -----------------------------------------------------------------------------------

    def person_credentials(self, person_id: PersonId) -> PersonCredentials:
        """Return all that is kept of a person's access. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            people.person_row(session, person_id)
            return person_credentials(session, person_id)


def person_credentials(session: RegisterSession, person_id: PersonId) -> PersonCredentials:
    """Return all that is kept of a person's access, in a transaction."""
    return PersonCredentials(
        settings=person_access.settings_of(session, person_id),
        groups=tuple(sorted(person_access.groups_of(session, person_id))),
        pins=pins.kinds_of(session, person_id),
        cards=tuple(cards.cards_of(session, person_id)),
        failures=failures_of(session, person_id),
        passages=passages_of(session, person_id),
    )
