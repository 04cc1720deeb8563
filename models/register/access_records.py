"""`AccessSnapshot`, `PolicyVersion`, `PersonSettings`, `PinMatch`, `Card`, `Order`: values about access."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.domain import PersonId
from models.rules.policy import Policy
from models.rules.request import Failures, Lockdown, Passage, PersonAccess


class PinKind(StrEnum):
    """A normal PIN, or one that opens as well and raises a silent alarm."""

    NORMAL = "normal"
    DURESS = "duress"


class PinMatch(StrEnum):
    """What a PIN that was entered is to a person: not theirs, the normal one, or the one for duress."""

    NONE = "none"
    NORMAL = "normal"
    DURESS = "duress"


class OrderKind(StrEnum):
    """What an operator ordered for some doors."""

    LOCKDOWN = "lockdown"
    FIRE = "fire"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """The rules of the site as they were imported once.

    Attributes:
        number: its running number; the highest is in force.
        policy: the rules.
        digest: of the rules, with the version of the time zone data of that day.
        created_at: with its zone.
    """

    number: int
    policy: Policy
    digest: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PersonSettings:
    """What a person's access has of its own.

    Attributes:
        valid_from, valid_until: [from, until), with their zone; None without a limit.
        longer_unlock: doors stay unlocked longer for this person.
        second_factor: the face alone is not enough.
        face_refused: no template of this person may be stored.
    """

    valid_from: datetime | None = None
    valid_until: datetime | None = None
    longer_unlock: bool = False
    second_factor: bool = False
    face_refused: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a person.

    Attributes:
        card_id: of the register.
        person_id: whose it is.
        number: as `models.register.cards.clean_number` gives it.
    """

    card_id: str
    person_id: PersonId
    number: str


@dataclass(frozen=True, slots=True)
class Order:
    """A lockdown, or the release of doors because of fire.

    Attributes:
        order_id: its running number.
        kind: which of the two.
        plan: the lockdown plan's name; empty for fire.
        doors: names of doors, or `*`.
        bypass_group: who passes during a lockdown by their rules; empty for nobody.
        reason: why, as the operator wrote it.
        drill: True for an exercise.
        started_at, ends_at, ended_at: with their zone; `ends_at` is when it ends by itself, None for never;
            `ended_at` is when somebody ended it.
        actor: who started it.
    """

    order_id: int
    kind: OrderKind
    plan: str
    doors: frozenset[str]
    bypass_group: str
    reason: str
    drill: bool
    started_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None
    actor: str

    def in_force(self, at: datetime) -> bool:
        """True when nobody has ended it, and its own end is still to come."""
        return self.ended_at is None and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class PersonCredentials:
    """All that is kept of a person's access, for that person to see.

    Attributes:
        settings: validity and the like.
        groups: names, ordered.
        pins: which PINs there are; nobody can read a PIN.
        cards: ordered by number.
        failures: since the last success.
        passages: the last one of each zone.
    """

    settings: PersonSettings
    groups: tuple[str, ...]
    pins: tuple[PinKind, ...]
    cards: tuple[Card, ...]
    failures: Failures
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AccessSnapshot:
    """All rules that a door needs, read in one transaction. The gallery is apart: it takes longer to load.

    Attributes:
        revision: the register's rules revision: another one means that a new snapshot is due.
        policy: in force.
        digest: of the policy and of the time zone data on this machine.
        people: everybody in the register.
        lockdowns: started and not ended by anybody; each says when it ends by itself.
        fire_doors: names of doors that are released because of fire, or `*`.
    """

    revision: int
    policy: Policy
    digest: str
    people: Mapping[PersonId, PersonAccess]
    lockdowns: tuple[Lockdown, ...]
    fire_doors: frozenset[str]

    def person(self, person_id: PersonId) -> PersonAccess:
        """Return what the rules know of a person; who is not in the register counts as suspended."""
        return self.people.get(person_id) or PersonAccess(person_id, suspended=True)
