"""`MemoryAccess`, `open_access`: access without a register, for clips, the demo's tests and other tests."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from models.domain import PersonId
from models.register.access_records import AccessSnapshot, PinMatch
from models.rules.policy import OPEN_SITE, Policy
from models.rules.request import DoorState, Failures, Passage, PersonAccess


class MemoryAccess:
    """Keeps in memory what people did at the doors: `access.authorise.AccessRegister` without a file.

    Attributes:
        pins: by person, the normal PIN and the one for duress.
        cards: by number, whose it is.
        failures, passages, first_days: what was noted.
    """

    def __init__(
        self,
        pins: Mapping[PersonId, tuple[str, str]] | None = None,
        cards: Mapping[str, PersonId] | None = None,
    ) -> None:
        self.pins, self.cards = dict(pins or {}), dict(cards or {})
        self.failures: dict[PersonId, Failures] = {}
        self.passages: dict[PersonId, dict[str, Passage]] = {}
        self.first_days: dict[str, date] = {}

    def door_state(self, door: str, person_id: PersonId, at: datetime) -> DoorState:
        """What was noted; nothing is locked down."""
        return DoorState(
            first_person_on=self.first_days.get(door),
            failures=self.failures.get(person_id, Failures()),
            passages=tuple(self.passages.get(person_id, {}).values()),
        )

    def check_pin(self, person_id: PersonId, pin: str) -> PinMatch:
        """What a PIN is to a person."""
        normal, duress = self.pins.get(person_id, ("", ""))
        if pin and pin == normal:
            return PinMatch.NORMAL
        return PinMatch.DURESS if pin and pin == duress else PinMatch.NONE

    def find_pin(self, pin: str) -> tuple[PersonId, PinMatch] | None:
        """Whose PIN it is."""
        found = ((person, self.check_pin(person, pin)) for person in self.pins)
        return next((each for each in found if each[1] is not PinMatch.NONE), None)

    def card_owner(self, number: str) -> PersonId | None:
        """Whose card it is."""
        return self.cards.get(number)

    def note_failure(self, person_id: PersonId, at: datetime) -> Failures:
        """Count a failed attempt."""
        before = self.failures.get(person_id, Failures())
        self.failures[person_id] = Failures(before.count + 1, at)
        return self.failures[person_id]

    def clear_failures(self, person_id: PersonId) -> None:
        """Forget the failed attempts of a person."""
        self.failures.pop(person_id, None)

    def note_passages(self, person_id: PersonId, passages: Iterable[Passage]) -> None:
        """Keep where a person is."""
        self.passages.setdefault(person_id, {}).update({each.zone: each for each in passages})

    def note_first_person(self, door: str, day: date) -> None:
        """Keep on which day the first person was let in."""
        self.first_days[door] = day


def open_access(people: Iterable[PersonId], policy: Policy = OPEN_SITE) -> AccessSnapshot:
    """Rules for people who are in no register; by default each of them passes every door by the face."""
    return AccessSnapshot(
        revision=0,
        policy=policy,
        digest="",
        people={person_id: PersonAccess(person_id) for person_id in people},
        lockdowns=(),
        fire_doors=frozenset(),
    )
