"""`Authoriser`: asks the rules about a person at this door, with the card and PIN that were shown.

The rules are pure functions (`models.rules`). Here they get what they need: the site's rules and people, what
the person did before, and the factors that fit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from access.credentials import PinEntered, ShownCredentials
from models.domain import CardShown, CheckName, CheckResult, DenyReason, PersonId, Shown
from models.register.access_records import AccessSnapshot, PinMatch
from models.rules.anti_passback import passages_after
from models.rules.decide import decide_access
from models.rules.door_mode import DoorMode, arms_unlocking, covers, door_mode
from models.rules.factors import Factor
from models.rules.lockout import still_waits
from models.rules.request import DoorState, Failures, FirstOfTwo, Passage, PersonAccess, Request, Verdict
from models.rules.schedule import to_utc
from models.rules.two_person import first_of_two_after

MORE_NEEDED = frozenset({DenyReason.NEEDS_PIN, DenyReason.NEEDS_CARD, DenyReason.NEEDS_FACE})
"""The person may pass with something more that can be shown within a few seconds."""

WAITING = MORE_NEEDED | {DenyReason.NEEDS_SECOND_PERSON}
"""Not yet a verdict: written only when nothing comes of it."""

PIN_WAITS_FOR_FACE_S = 5.0
"""So long a PIN waits for a face that stands there to be recognised, before it is taken for a PIN alone."""


class AccessRegister(Protocol):
    """What the register knows of access; `models.register.register.Register` has these methods."""

    def door_state(self, door: str, person_id: PersonId, at: datetime) -> DoorState:
        """What is in force at a door, and what a person did before."""
        ...

    def check_pin(self, person_id: PersonId, pin: str) -> PinMatch:
        """What a PIN is to a person."""
        ...

    def find_pin(self, pin: str) -> tuple[PersonId, PinMatch] | None:
        """Whose PIN it is."""
        ...

    def card_owner(self, number: str) -> PersonId | None:
        """Whose card it is."""
        ...

    def note_failure(self, person_id: PersonId, at: datetime) -> Failures:
        """Count a failed attempt."""
        ...

    def clear_failures(self, person_id: PersonId) -> None:
        """Forget the failed attempts of somebody who was let in."""
        ...

    def note_passages(self, person_id: PersonId, passages: Iterable[Passage]) -> None:
        """Keep where a person is."""
        ...

    def note_first_person(self, door: str, day: date) -> None:
        """Keep on which day the first person was let in."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """What the rules said, and what they were shown.

    Attributes:
        person_id: who it is; None for a card or PIN that nobody has.
        shown: the factors that fit this person.
        verdict: of the rules.
        duress: True when the PIN was the one that raises a silent alarm.
        failures: attempts of this person that failed since the last success.
    """

    person_id: PersonId | None
    shown: frozenset[Factor]
    verdict: Verdict
    duress: bool = False
    failures: int = 0

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors shown, in the order of an event."""
        return tuple(str(factor) for factor in Factor if factor in self.shown)


@dataclass(frozen=True, slots=True)
class _PinChecked:
    """What the PIN that was entered last is.

    Attributes:
        revision: of the rules when it was looked up; a change of any PIN raises it.
        owner: whose it may be; None for nobody's.
        match: what it is to them.
    """

    revision: int
    owner: PersonId | None
    match: PinMatch


class Authoriser:
    """The rules at one door. Used by the loop's thread alone.

    Args:
        door: its name.
        access: the rules and people in force now.
        register: what people did before.
    """

    def __init__(self, door: str, access: Callable[[], AccessSnapshot], register: AccessRegister) -> None:
        self._door, self._access, self._register = door, access, register
        self.shown = ShownCredentials()
        self.asks: DenyReason | None = None
        """What is missing beside a card or PIN that was shown without a face; None when nothing waits."""
        self._pin_checked: _PinChecked | None = None
        self._first_of_two: FirstOfTwo | None = None
        self._unknown_pins = Failures()
        self._told_nothing: PinEntered | None = None
        self._fire_input = False
        self._first_day: date | None = None
        self._first_day_known = False

    def take(self, shown: Sequence[Shown]) -> None:
        """Take in cards and keys, oldest first."""
        before = self.shown.pin
        self.shown.take(shown)
        if self.shown.pin is not before:
            self._pin_checked = None

    def by_face(self, person_id: PersonId, at: datetime, *, told_apart: bool = False) -> Proof:
        """Ask about somebody whose face was recognised: by the face alone, then with a card or PIN shown.

        Args:
            person_id: who was recognised.
            at: the time of day, with the site's zone.
            told_apart: the card or PIN is needed to know who it is.

        Raises:
            RegisterError: what the person did before cannot be read.
        """
        return self._prove(person_id, frozenset({Factor.FACE}), at, needed=told_apart)

    def tell_apart(self, people: Sequence[PersonId]) -> PersonId | None:
        """Which of a few people the card or PIN that was shown belongs to; None for none of them.

        For people whose faces are too alike. What was shown is not used up, and a wrong PIN not counted:
        `by_face` does that, and `alone`.

        Args:
            people: those whom the face may be, the most alike first.

        Raises:
            RegisterError: the register cannot be read.
        """
        card, pin = self.shown.card, self.shown.pin
        if card is not None:
            owner = self._register.card_owner(card.number)
            return owner if owner in people else None
        if pin is None or pin is self._told_nothing:
            return None
        for person_id in people:
            if self._match_pin(person_id, pin) is not PinMatch.NONE:
                return person_id
        self._told_nothing, self._pin_checked = pin, None
        return None

    def drop_pin(self) -> None:
        """Forget a PIN: whoever typed it is refused whatever it is."""
        self.shown.pin = self._pin_checked = None

    def alone(self, at: datetime, at_s: float, *, face_waits: bool) -> Proof | None:
        """Ask about a card, or a PIN, that was shown without a face that is recognised.

        Args:
            at: the time of day, with the site's zone.
            at_s: the same in seconds of the door's clock.
            face_waits: somebody stands there and may still be recognised.

        Returns:
            None while there is nothing to say yet.

        Raises:
            RegisterError: the register cannot be read.
        """
        over = self.shown.is_over(at_s)
        card, pin = self.shown.card, self.shown.pin
        if card is not None:
            return self._card_alone(card, at, over)
        if pin is None or (face_waits and at_s - pin.at_s < PIN_WAITS_FOR_FACE_S):
            return None
        return self._pin_alone(pin, at, over)

    def granted(self, proof: Proof, at: datetime) -> None:
        """Note that somebody was let in: what was shown is used up, and failures are forgotten.

        Raises:
            RegisterError: the register cannot be written.
        """
        self._use_up()
        self._first_of_two = None
        if proof.person_id is not None and proof.failures:
            self._register.clear_failures(proof.person_id)
        if self._first_day != at.date() and arms_unlocking(self._access().policy, self._door, at):
            self._register.note_first_person(self._door, at.date())
            self._first_day = at.date()

    def passed(self, person_id: PersonId, at: datetime, opened: bool | None) -> None:
        """Note that somebody went through the door.

        Args:
            person_id: who was let in.
            at: when.
            opened: whether the door was opened; None where it has no contact.
        """
        passages = passages_after(self._access().policy, self._door, at, opened)
        if passages:
            self._register.note_passages(person_id, passages)

    def mode(self, at: datetime, *, fire_input: bool) -> DoorMode:
        """What the door does by itself now.

        Args:
            at: the time of day, with the site's zone.
            fire_input: the fire alarm system asks for the door to be released.
        """
        access, self._fire_input = self._access(), fire_input
        if not self._first_day_known:
            known = self._register.door_state(self._door, PersonId(""), at)
            self._first_day, self._first_day_known = known.first_person_on, True
        state = DoorState(
            lockdowns=access.lockdowns,
            fire_release=fire_input or covers(access.fire_doors, self._door),
            first_person_on=self._first_day,
        )
        return door_mode(access.policy, self._door, at, state)

    def _prove(
        self, person_id: PersonId, shown: frozenset[Factor], at: datetime, *, needed: bool = False
    ) -> Proof:
        """Ask with what was shown; with the card and PIN only where more is needed."""
        proof = self._ask(person_id, shown, at)
        if proof.verdict.reason not in MORE_NEEDED and not (needed and proof.verdict.allowed):
            return proof
        card, duress = self.shown.card, False
        if card is not None and Factor.CARD not in shown:
            refused = self._refuse_card(card, person_id, at)
            if refused is not None:
                return Proof(person_id, shown, refused)
            shown |= {Factor.CARD}
        if self.shown.pin is not None:
            match = self._match_pin(person_id, self.shown.pin)
            if match is PinMatch.NONE:
                self._use_up()
                self._register.note_failure(person_id, at)
                return Proof(person_id, shown, _refusal(DenyReason.WRONG_PIN, factor=Factor.PIN))
            shown, duress = shown | {Factor.PIN}, match is PinMatch.DURESS
        return replace(self._ask(person_id, shown, at), duress=duress)

    def _card_alone(self, card: CardShown, at: datetime, over: bool) -> Proof | None:
        owner = self._register.card_owner(card.number)
        if owner is None:
            self._use_up()
            return Proof(None, frozenset(), _refusal(DenyReason.UNKNOWN_CARD, factor=Factor.CARD))
        return self._settled(self._prove(owner, frozenset({Factor.CARD}), at), over)

    def _pin_alone(self, pin: PinEntered, at: datetime, over: bool) -> Proof | None:
        waited_s = None
        if self._unknown_pins.last_at is not None:
            waited_s = (to_utc(at) - to_utc(self._unknown_pins.last_at)).total_seconds()
        if still_waits(self._unknown_pins, waited_s):
            self._use_up()
            return Proof(None, frozenset(), _refusal(DenyReason.LOCKED_OUT, factor=Factor.PIN))
        owner, match = self._find_pin(pin)
        if owner is None or match is PinMatch.NONE:
            self._use_up()
            self._unknown_pins = Failures(self._unknown_pins.count + 1, at)
            return Proof(None, frozenset(), _refusal(DenyReason.WRONG_PIN, factor=Factor.PIN))
        self._unknown_pins = Failures()
        proof = self._settled(self._prove(owner, frozenset({Factor.PIN}), at), over)
        return None if proof is None else replace(proof, duress=match is PinMatch.DURESS)

    def _settled(self, proof: Proof, over: bool) -> Proof | None:
        """The proof when it is final; None while more may be shown."""
        if proof.verdict.reason in WAITING and not over:
            self.asks = proof.verdict.reason
            return None
        if not proof.verdict.allowed:
            self._use_up()
        return proof

    def _refuse_card(self, card: CardShown, person_id: PersonId, at: datetime) -> Verdict | None:
        """Why a card does not go with a person; None when it is theirs."""
        owner = self._register.card_owner(card.number)
        if owner == person_id:
            return None
        self._use_up()
        if owner is None:
            return _refusal(DenyReason.UNKNOWN_CARD, factor=Factor.CARD)
        self._register.note_failure(owner, at)
        return _refusal(DenyReason.CARD_OF_ANOTHER, factor=Factor.CARD)

    def _find_pin(self, pin: PinEntered) -> tuple[PersonId | None, PinMatch]:
        """Whose PIN it is; looked up once for each entry while no PIN changes, since that takes a while."""
        revision, known = self._access().revision, self._pin_checked
        if known is None or known.revision != revision:
            owner, match = self._register.find_pin(pin.digits) or (None, PinMatch.NONE)
            self._pin_checked = known = _PinChecked(revision, owner, match)
        return known.owner, known.match

    def _match_pin(self, person_id: PersonId, pin: PinEntered) -> PinMatch:
        """What the PIN is to the person; looked up as seldom as in `_find_pin`."""
        revision, known = self._access().revision, self._pin_checked
        if known is None or known.revision != revision or known.owner != person_id:
            match = self._register.check_pin(person_id, pin.digits)
            self._pin_checked = known = _PinChecked(revision, person_id, match)
        return known.match

    def _ask(self, person_id: PersonId, shown: frozenset[Factor], at: datetime) -> Proof:
        access = self._access()
        person = access.people.get(person_id) or PersonAccess(person_id, suspended=True)
        known = self._register.door_state(self._door, person_id, at)
        state = replace(
            known,
            # Whichever is known: what was read with the rules, or just now.
            lockdowns=tuple(dict.fromkeys(access.lockdowns + known.lockdowns)),
            fire_release=known.fire_release or self._fire_input or covers(access.fire_doors, self._door),
            first_of_two=self._first_of_two,
        )
        request = Request(self._door, at, person, shown)
        verdict = decide_access(access.policy, request, state)
        if verdict.reason is DenyReason.NEEDS_SECOND_PERSON:
            self._first_of_two = first_of_two_after(request, verdict, state)
        rules = CheckResult(CheckName.RULES_IN_FORCE, True, {"digest": access.digest})
        verdict = replace(verdict, trace=(rules, *verdict.trace))
        return Proof(person_id, shown, verdict, failures=known.failures.count)

    def _use_up(self) -> None:
        self.shown.clear()
        self._pin_checked = self.asks = None


def _refusal(reason: DenyReason, *, factor: Factor) -> Verdict:
    """The verdict about a card or PIN that does not fit, before any rule is asked."""
    return Verdict(reason, (CheckResult(CheckName.CREDENTIAL, False, {"factor": str(factor)}),))
