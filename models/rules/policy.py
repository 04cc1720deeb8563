"""`Policy`: every rule of a site as one immutable value, which a door holds in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from models.rules.factors import Factor, Way

EVERYONE = "everyone"
"""The group that every active person is in, without being put there."""

EVERY_DOOR = "*"
"""Stands for all doors in a rule or a plan."""

ALWAYS = "always"
"""The schedule that is open at every minute, holidays too, without being written down."""

DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a day, [start, end) in minutes of local time: 0 <= start < end <= 1440."""

    start: int
    end: int


Windows = tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is open.

    Attributes:
        name: by which rules refer to it.
        week: seven rows, Monday first.
        holidays: a row for each kind of holiday; a day of a kind without a row is closed.
    """

    name: str
    week: tuple[Windows, ...]
    holidays: Mapping[str, Windows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets the people of a group pass doors.

    Attributes:
        name: of the rule, unique in the policy.
        group: a group's name, or `everyone`.
        doors: names of doors, or `*`.
        schedule: a schedule's name, or `always`.
        ways: any of them is enough.
        valid_from, valid_until: [from, until), with their zone; None without a limit.
    """

    name: str
    group: str
    doors: frozenset[str]
    schedule: str = ALWAYS
    ways: tuple[Way, ...] = (frozenset({Factor.FACE}),)
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnlockTime:
    """When a door stands unlocked.

    Attributes:
        door: its name.
        schedule: a schedule's name. On a holiday of a kind without a row the door is locked.
        first_person: unlocked only after the first person was let in on that day, within the schedule.
    """

    door: str
    schedule: str
    first_person: bool = False


@dataclass(frozen=True, slots=True)
class TwoPersonDoor:
    """A door that opens for two people together.

    Attributes:
        door: its name.
        group: the second person must be of this group; `everyone` for any.
        within_s: at most so many seconds may lie between the two.
    """

    door: str
    group: str = EVERYONE
    within_s: float = 15.0


class PassbackMode(StrEnum):
    """What happens to somebody who enters a zone without having left it."""

    HARD = "hard"
    SOFT = "soft"
    TIMED = "timed"


class WhenOffline(StrEnum):
    """How anti-passback goes on while the doors of a zone do not reach each other."""

    SOFT = "soft"
    HARD = "hard"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class PassbackZone:
    """An area in which the same person cannot enter twice without leaving.

    Attributes:
        name: of the zone.
        entries, exits: names of doors.
        mode: hard refuses, soft lets in and notes it, timed refuses for `minutes` after an entry.
        minutes: of `timed`.
        reset_hours: an entry older than this is forgotten, at most 168.
        exempt_group: nobody of it is refused; empty for none.
        confirmed: a passage counts only when the door was opened, where it has a contact.
        when_offline: what to do while the zone's other doors cannot be reached: hard goes on with the mode,
            soft lets in and notes it, off does not look.
    """

    name: str
    entries: frozenset[str]
    exits: frozenset[str]
    mode: PassbackMode = PassbackMode.HARD
    minutes: int = 0
    reset_hours: int = 12
    exempt_group: str = ""
    confirmed: bool = True
    when_offline: WhenOffline = WhenOffline.SOFT


@dataclass(frozen=True, slots=True)
class LockdownPlan:
    """Doors that can be locked down together.

    Attributes:
        name: of the plan.
        doors: names of doors, or `*`.
        bypass_group: who still passes, by their rules; empty for nobody.
    """

    name: str
    doors: frozenset[str]
    bypass_group: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of a site. The names in it fit together: `models.rules.document` has checked them.

    Attributes:
        groups: the names of groups.
        schedules: by name.
        calendar: the kind of holiday of each date that is one.
        rules: any that says yes lets in; none lets nobody in.
        unlock_times, two_person, zones, plans: see there.
    """

    groups: frozenset[str] = frozenset()
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    calendar: Mapping[date, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    unlock_times: tuple[UnlockTime, ...] = ()
    two_person: tuple[TwoPersonDoor, ...] = ()
    zones: tuple[PassbackZone, ...] = ()
    plans: tuple[LockdownPlan, ...] = ()


OPEN_SITE = Policy(rules=(Rule("everyone-everywhere", EVERYONE, frozenset({EVERY_DOOR})),))
"""The policy of a site that has imported none: whoever is enrolled passes every door by the face."""
