"""`Outbox`: brings one receiver every event of every chain, in order and at least once.

The outbox is the event chain itself: what is kept is only the number up to which the receiver has confirmed.
A process that is killed begins again after that number, so a receiver may see an event twice, never none; it
knows it again by chain and number.
"""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from access.integrations.source import SITE_CHAIN, EventSource, is_silent
from models.errors import DeliveryError
from models.events import DoorEvent
from models.ports import Clock

PAGE = 100
"""Events that are read at a time and held in memory."""
POLL_S = 0.5
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0

log = structlog.get_logger(__name__)


class Receiver(Protocol):
    """Another program that hears of events.

    Attributes:
        name: under which it is kept which events it has.
        silent: True for the receiver of alarms: it hears of silent ones too.
        history: True to begin with the oldest event held, at the very first start.
        batch: events that `deliver` takes at a time, at most.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see above

    @property
    def silent(self) -> bool: ...  # noqa: D102

    @property
    def history(self) -> bool: ...  # noqa: D102

    @property
    def batch(self) -> int: ...  # noqa: D102

    def refresh(self) -> None:
        """Bring everything up to date that is no event. Raises DeliveryError."""
        ...

    def deliver(self, chain: str, events: Sequence[DoorEvent]) -> None:
        """Send events in order; when it returns the receiver has confirmed them all. Raises DeliveryError."""
        ...

    def close(self) -> None:
        """Say goodbye; may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """When something that failed is tried again: after 1 s, 2 s, 4 s ... 300 s, each shortened by chance.

    Attributes:
        failures: one after the other.
        due_s: seconds of the clock.
    """

    failures: int = 0
    due_s: float = 0.0

    def after_failure(self, now_s: float, chance: float) -> "Retry":
        """The next one.

        Args:
            now_s: seconds of the clock.
            chance: in [0, 1): receivers that failed together are not tried together.
        """
        longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(self.failures, 30))
        return Retry(self.failures + 1, now_s + longest * (0.5 + 0.5 * chance))


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of everything that was there (`Outbox.deliver_all`).

    Attributes:
        receiver: its name.
        delivered: events that it confirmed.
        waiting: events that it has still to get.
        error: why; None when nothing waits.
    """

    receiver: str
    delivered: int
    waiting: int
    error: str | None


class Outbox:
    """Delivers to one receiver. For one thread.

    Args:
        source: of the events.
        receiver: whom to bring them.
        clock: spaces repeated attempts.
        stop: set to end between two deliveries.
        chance: numbers in [0, 1).
    """

    def __init__(
        self,
        source: EventSource,
        receiver: Receiver,
        clock: Clock,
        stop: threading.Event,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._source, self._receiver, self._clock = source, receiver, clock
        self._stop, self._chance = stop, chance
        self._retries: dict[str | None, Retry] = {}
        self._begun = False

    def turn(self) -> bool:
        """Deliver some of what is there, a page of each chain; True when more is there.

        What the receiver does not take is tried again later; one chain does not hold up another.

        Raises:
            RegisterError: the events cannot be read, or not kept as delivered.
        """
        self._begin()
        if self._attempt(None, self._refresh) is None:
            return False
        read = [self._attempt(chain, partial(self._page, chain)) for chain in self._chains()]
        return PAGE in read

    def deliver_all(self) -> Delivered:
        """Deliver everything that is there, each chain until the receiver refuses. Raises RegisterError."""
        self._begin()
        delivered, errors = 0, []
        try:
            self._receiver.refresh()
        except DeliveryError as error:
            errors.append(error)
        for chain in [] if errors else self._chains():
            before = self._done(chain)
            try:
                while self._page(chain):
                    pass
            except DeliveryError as error:
                errors.append(error)
            delivered += self._count(chain, before, self._done(chain))
        waiting = sum(self._count(chain, self._done(chain), None) for chain in self._chains())
        why = str(errors[0]) if errors else "stopped before the end" if self._stop.is_set() else None
        return Delivered(self._receiver.name, delivered, waiting, why if waiting else None)

    def _begin(self) -> None:
        """At the very first start pass over what happened before; what is too silent for it, always."""
        if self._begun:
            return
        first = not self._source.acknowledged(self._receiver.name)
        for chain in self._source.chains():
            hidden = is_silent(chain) and not self._receiver.silent
            if hidden or (first and not self._receiver.history):
                self._acknowledge(chain, self._last(chain))
        if first and SITE_CHAIN not in self._source.chains():
            # Where nothing has happened yet the next start is not the first either.
            self._acknowledge(SITE_CHAIN, 0)
        self._begun = True

    def _chains(self) -> list[str]:
        return [chain for chain in self._source.chains() if self._receiver.silent or not is_silent(chain)]

    def _refresh(self) -> int:
        self._receiver.refresh()
        return 0

    def _attempt(self, chain: str | None, act: Callable[[], int]) -> int | None:
        """Do something unless it failed just now; None when it was not done."""
        retry = self._retries.get(chain, Retry())
        if self._clock.monotonic_s() < retry.due_s:
            return None
        try:
            result = act()
        except DeliveryError as error:
            now_s = self._clock.monotonic_s()
            self._retries[chain] = after = retry.after_failure(now_s, self._chance())
            log.warning(
                "events wait",
                receiver=self._receiver.name,
                chain=chain,
                error=str(error),
                again_in_s=round(after.due_s - now_s, 1),
            )
            return None
        if self._retries.pop(chain, None) is not None:
            log.info("the receiver takes events again", receiver=self._receiver.name, chain=chain)
        return result

    def _page(self, chain: str) -> int:
        """Deliver a page of a chain; the number of events read."""
        done = self._done(chain)
        events = self._source.chain_events(chain, done, PAGE)
        for start in range(0, len(events), self._receiver.batch):
            if self._stop.is_set():
                return 0
            batch = events[start : start + self._receiver.batch]
            # A silent event in an ordinary chain would be a mistake elsewhere: it is passed over here too.
            heard = [event for event in batch if self._receiver.silent or not event.silent]
            if done and number_of(batch[0]) != done + 1:
                lost = number_of(batch[0]) - done - 1
                log.warning("events were deleted before they were sent", chain=chain, events=lost)
            if heard:
                self._receiver.deliver(chain, heard)
            done = number_of(batch[-1])
            self._acknowledge(chain, done)
        return len(events)

    def _acknowledge(self, chain: str, seq: int) -> None:
        self._source.acknowledge(self._receiver.name, chain, seq)

    def _done(self, chain: str) -> int:
        return self._source.acknowledged(self._receiver.name).get(chain, 0)

    def _last(self, chain: str) -> int:
        """The number of the newest event of a chain; 0 for none."""
        last = self._done(chain)
        while events := self._source.chain_events(chain, last, PAGE):
            last = number_of(events[-1])
        return last

    def _count(self, chain: str, after: int, up_to: int | None) -> int:
        """Events of a chain with a number in (after, up_to]."""
        count = 0
        while events := self._source.chain_events(chain, after, PAGE):
            numbers = [number_of(event) for event in events]
            count += sum(1 for number in numbers if up_to is None or number <= up_to)
            after = numbers[-1]
        return count


def number_of(event: DoorEvent) -> int:
    """The number of an event in its chain. Raises ValueError for one that is in none."""
    if event.seq is None:
        raise ValueError("an event of a chain has its number")
    return event.seq
