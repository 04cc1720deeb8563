"""`History`: which rules, people and orders were in force when, as whoever changed them saw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models.domain import PersonId
from models.rules.policy import Policy
from models.rules.request import Lockdown, PersonAccess


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class State:
    """Rules, people and orders at one time."""

    policy: Policy
    people: Mapping[PersonId, PersonAccess]
    lockdowns: Mapping[str, Lockdown]
    fire_doors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """A transaction of the register and what holds since.

    Attributes:
        what: was changed.
        began, ended: the time before and after the transaction.
        state: what it led to.
        revision: of the rules in the register then.
    """

    what: str
    began: datetime
    ended: datetime
    state: State
    revision: int


@dataclass(frozen=True)
class Span:
    """From when until when something lasted."""

    start: datetime
    end: datetime

    def overlap_s(self, start: datetime, end: datetime) -> float:
        """How many seconds of [start, end] it lasted."""
        return max(0.0, (min(self.end, end) - max(self.start, start)).total_seconds())


class History:
    """Every change in order; the first one is the beginning."""

    def __init__(self, first: State) -> None:
        at = now()
        self.changes = [Change("beginning", at, at, first, revision=0)]

    @property
    def state(self) -> State:
        """The newest."""
        return self.changes[-1].state

    def add(self, change: Change) -> None:
        """Note a change."""
        self.changes.append(change)

    def between(self, start: datetime, end: datetime) -> list[State]:
        """Every state that a reader may have seen in [start, end]."""
        following = [*self.changes[1:], None]
        return [
            change.state
            for change, after in zip(self.changes, following, strict=True)
            if change.began <= end and (after is None or after.ended >= start)
        ]

    def latest_at(self, at: datetime) -> int:
        """The index of the newest change whose transaction had ended."""
        return max(number for number, change in enumerate(self.changes) if change.ended <= at or number == 0)


def seconds(number: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=number)
