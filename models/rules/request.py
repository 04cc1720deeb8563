"""`Request`, `DoorState`, `Verdict`: what the rules are asked, what they know, and what they answer."""

from dataclasses import dataclass
from datetime import date, datetime

from models.domain import DenyReason, PersonId, Trace
from models.rules.factors import Factor, Way
from models.rules.policy import EVERYONE


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """What the rules know of a person.

    Attributes:
        person_id: whose.
        suspended: no access for now.
        groups: names, `everyone` not among them.
        valid_from, valid_until: [from, until), with their zone; None without a limit.
        longer_unlock: doors stay unlocked longer for this person.
        second_factor: the face alone is not enough, for a known lookalike of somebody for example.
        has_pin, has_card, has_face: what the person could show.
    """

    person_id: PersonId
    suspended: bool = False
    groups: frozenset[str] = frozenset()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    longer_unlock: bool = False
    second_factor: bool = False
    has_pin: bool = False
    has_card: bool = False
    has_face: bool = True

    def is_in(self, group: str) -> bool:
        """Return whether the person is in a group: in `everyone` always, in an empty name never."""
        return group == EVERYONE or (group != "" and group in self.groups)

    def can_show(self, way: Way) -> bool:
        """Return whether the person has every factor of a way."""
        has = {Factor.FACE: self.has_face, Factor.PIN: self.has_pin, Factor.CARD: self.has_card}
        return all(has[factor] for factor in way)


@dataclass(frozen=True, slots=True)
class Lockdown:
    """A lockdown in force.

    Attributes:
        plan: the plan's name.
        doors: names of doors, or `*`.
        bypass_group: who passes by their rules; empty for nobody.
        reason: why, as the operator wrote it.
        started_at, ends_at: with their zone; None until somebody ends it.
        drill: True for an exercise: it is shown and recorded, and nobody is refused.
    """

    plan: str
    doors: frozenset[str]
    bypass_group: str
    reason: str
    started_at: datetime
    ends_at: datetime | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True)
class Failures:
    """Attempts of a person that failed one after the other: wrong PINs, faces that do not fit the card.

    Attributes:
        count: since the last success.
        last_at: of the newest, with its zone; None when there is none.
    """

    count: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """When a person last passed into or out of a zone.

    Attributes:
        zone: its name.
        inside: True after an entry.
        at: with its zone.
    """

    zone: str
    inside: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class FirstOfTwo:
    """The first of two people, who was let pass by every other check.

    Attributes:
        person_id: who.
        at: when, with its zone.
    """

    person_id: PersonId
    at: datetime


@dataclass(frozen=True, slots=True)
class DoorState:
    """What the rules know of a door, and of what the person did before, at the moment of a decision.

    Attributes:
        lockdowns: those in force anywhere on the site.
        fire_release: True while the door is released because of fire.
        first_person_on: the local date on which the first person was let in; None for none yet.
        first_of_two: who waits for a second person.
        failures: of the person who asks.
        passages: of the person who asks, one per zone; a zone without one is unknown, and never refuses.
        zones_reached: False while what happens at other doors is not known here.
        attack_detection: True where pictures are checked for attacks: more attempts may fail then.
    """

    lockdowns: tuple[Lockdown, ...] = ()
    fire_release: bool = False
    first_person_on: date | None = None
    first_of_two: FirstOfTwo | None = None
    failures: Failures = Failures()
    passages: tuple[Passage, ...] = ()
    zones_reached: bool = True
    attack_detection: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody wants to pass.

    Attributes:
        door: its name.
        at: with the site's zone.
        person: who it is, by the factors shown.
        shown: the factors that were shown and fit this person.
    """

    door: str
    at: datetime
    person: PersonAccess
    shown: frozenset[Factor]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules answer.

    Attributes:
        reason: why not; None when the person may pass.
        trace: every check that was made, in order; the last one failed when there is a reason.
        ways: what would be enough here and now, the shortest first; to prompt for what is missing. Those that
            the person could show, where there are any; empty when no way would be enough.
        longer: the door is to stay unlocked longer.
        notes: what is to be recorded though it refuses nobody, such as `anti_passback` in a soft zone.
    """

    reason: DenyReason | None
    trace: Trace
    ways: tuple[Way, ...] = ()
    longer: bool = False
    notes: tuple[DenyReason, ...] = ()

    @property
    def allowed(self) -> bool:
        """True when the person may pass."""
        return self.reason is None
