"""`random_case`: a small random site, a request and a state of it; `cases` for Hypothesis.

Names and times meet often: three doors, three groups, two schedules, three days around the night in which
the clocks of Berlin go forward. A case is made of one random number: to draw its hundred parts one by
one would be slow.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from models.domain import PersonId
from models.rules.factors import Factor, Way
from models.rules.policy import (
    LockdownPlan,
    PassbackMode,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    TwoPersonDoor,
    UnlockTime,
    WhenOffline,
    Window,
    Windows,
)
from models.rules.request import (
    DoorState,
    Failures,
    FirstOfTwo,
    Lockdown,
    Passage,
    PersonAccess,
    Request,
)

T = TypeVar("T")
TIME_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
DOORS = ("front", "lab", "dock")
GROUPS = ("staff", "cleaners", "guards")
SCHEDULES = ("office", "night")
KINDS = ("public", "company")
PEOPLE = (PersonId("a" * 32), PersonId("b" * 32))
FIRST = datetime(2026, 3, 28, 18, tzinfo=UTC)
DAYS = (date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 3, 31))
WAYS: tuple[Way, ...] = tuple(
    frozenset(factor for bit, factor in enumerate(Factor) if number >> bit & 1) for number in range(1, 8)
)
ROWS: tuple[Windows, ...] = (
    (),
    (Window(0, 1440),),
    (Window(420, 1140),),
    (Window(0, 360), Window(1320, 1440)),
    (Window(120, 150), Window(165, 180)),
    (Window(1439, 1440),),
)


@dataclass(frozen=True)
class World:
    """Draws the parts of one case."""

    rng: Random
    zone: ZoneInfo

    def rarely(self) -> bool:
        return self.rng.random() < 0.08

    def often(self) -> bool:
        return self.rng.random() < 0.5

    def some(self, pool: tuple[T, ...], least: int = 0) -> frozenset[T]:
        return frozenset(self.rng.sample(pool, self.rng.randint(least, len(pool))))

    def doors(self) -> frozenset[str]:
        return frozenset({"*"}) if self.often() else self.some(DOORS, 1)

    def moment(self) -> datetime:
        """A quarter of an hour, sometimes a little beside it."""
        beside = self.rng.choice([timedelta(0), timedelta(seconds=17), timedelta(microseconds=-1)])
        return (FIRST + self.rng.randrange(288) * timedelta(minutes=15) + beside).astimezone(self.zone)

    def limit(self) -> datetime | None:
        return self.moment() if self.often() else None

    def schedule(self, name: str) -> Schedule:
        week = tuple(self.rng.choice(ROWS) for _ in range(7))
        return Schedule(name, week, {kind: self.rng.choice(ROWS) for kind in self.some(KINDS)})

    def rule(self, name: str) -> Rule:
        limits: list[datetime | None] = [None, None]
        if self.rarely():
            limits = [self.limit(), self.limit()]
            if limits[0] is not None and limits[1] is not None:
                early, late = sorted((limits[0], limits[1]), key=lambda at: at.astimezone(UTC))
                limits = [early, late + timedelta(seconds=1)]
        return Rule(
            name,
            self.rng.choice((*GROUPS, "everyone")),
            self.doors(),
            self.rng.choice((*SCHEDULES, "always", "always")),
            tuple(self.rng.sample(WAYS, self.rng.randint(1, 2))),
            *limits,
        )

    def passback_zone(self, name: str) -> PassbackZone:
        entries, mode = self.some(DOORS, 1), self.rng.choice(list(PassbackMode))
        return PassbackZone(
            name,
            entries,
            self.some(DOORS) - entries,
            mode=mode,
            minutes=self.rng.choice([1, 15, 300]) if mode is PassbackMode.TIMED else 0,
            reset_hours=self.rng.choice([1, 12, 168]),
            exempt_group=self.rng.choice(["", "guards"]),
            confirmed=self.often(),
            when_offline=self.rng.choice(list(WhenOffline)),
        )

    def policy(self) -> Policy:
        """A policy whose names fit together."""
        pairs = (15.0, 0.5, 1800.0)
        everybody = (*GROUPS, "everyone")
        zones = self.rng.choice([(), ("yard",), ("yard", "house")])
        return Policy(
            groups=frozenset(GROUPS),
            schedules={name: self.schedule(name) for name in SCHEDULES},
            calendar={day: self.rng.choice(KINDS) for day in DAYS if self.rarely()},
            rules=tuple(self.rule(name) for name in sorted(self.some(("r1", "r2", "r3", "r4")))),
            unlock_times=tuple(
                UnlockTime(door, self.rng.choice(SCHEDULES), self.often())
                for door in sorted(self.some(DOORS))
            ),
            two_person=tuple(
                TwoPersonDoor(door, self.rng.choice(everybody), self.rng.choice(pairs))
                for door in sorted(self.some(DOORS))
                if self.often()
            ),
            zones=tuple(map(self.passback_zone, zones)),
            plans=(LockdownPlan("all", self.doors(), self.rng.choice(("", *GROUPS))),),
        )

    def person(self) -> PersonAccess:
        return PersonAccess(
            self.rng.choice(PEOPLE),
            suspended=self.rarely(),
            groups=self.some(GROUPS),
            valid_from=self.limit() if self.rarely() else None,
            valid_until=self.limit() if self.rarely() else None,
            longer_unlock=self.often(),
            second_factor=self.often(),
            has_pin=self.often(),
            has_card=self.often(),
            has_face=self.often(),
        )

    def lockdown(self) -> Lockdown:
        bypass = self.rng.choice(("", *GROUPS))
        return Lockdown("all", self.doors(), bypass, "test", self.moment(), self.limit(), self.often())

    def state(self) -> DoorState:
        counts = (0, 0, 0, 4, 5, 6, 9, 10, 12, 49, 50, 51, 99, 100)
        zones = self.rng.choice([(), ("yard",), ("yard", "house")])
        waiting = FirstOfTwo(self.rng.choice(PEOPLE), self.moment()) if self.often() else None
        return DoorState(
            lockdowns=tuple(self.lockdown() for _ in range(2) if self.rarely()),
            fire_release=self.rarely(),
            first_person_on=self.rng.choice((None, *DAYS)),
            first_of_two=waiting,
            failures=Failures(self.rng.choice(counts), None if self.rarely() else self.moment()),
            passages=tuple(Passage(name, self.often(), self.moment()) for name in zones),
            zones_reached=self.often(),
            attack_detection=self.often(),
        )


def random_case(rng: Random) -> tuple[Policy, Request, DoorState]:
    """A policy, a request and a state of one site, made of the random numbers of `rng` alone."""
    world = World(rng, ZoneInfo(rng.choice(TIME_ZONES)))
    shown = world.some(tuple(Factor))
    request = Request(rng.choice(DOORS), world.moment(), world.person(), shown)
    return world.policy(), request, world.state()


cases = st.integers(0, 2**64 - 1).map(lambda seed: random_case(Random(seed)))
policies = cases.map(lambda case: case[0])
