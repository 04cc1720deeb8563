"""The outbox: every event, in order, at least once, whatever the receiver does."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from access.integrations.outbox import LONGEST_RETRY_S, PAGE, Delivered, Outbox, Retry
from access.integrations.source import MemorySource
from models.clock import SimulatedClock
from models.errors import DeliveryError
from models.events import AlarmReason, DoorEvent
from tests.door_events import door_event


class Receiver:
    """Takes events as a script says: True takes a batch, False refuses, None takes it and dies after that."""

    def __init__(self, script: Sequence[bool | None] = (), **fields: Any) -> None:
        self.name, self.silent, self.history, self.batch = "peer", False, True, 3
        self.refuses: set[str] = set()
        self.got: list[tuple[str, int]] = []
        self.batches: list[int] = []
        self.attempts = 0
        self._script = list(script)
        for name, value in fields.items():
            setattr(self, name, value)

    def refresh(self) -> None:
        if "refresh" in self.refuses:
            raise DeliveryError("away")

    def deliver(self, chain: str, events: Sequence[DoorEvent]) -> None:
        self.attempts += 1
        step = self._script.pop(0) if self._script else True
        if step is False or chain in self.refuses:
            raise DeliveryError("away")
        self.batches.append(len(events))
        self.got += [(chain, event.seq or 0) for event in events]
        if step is None:
            raise KeyboardInterrupt  # the process dies between delivery and acknowledgement

    def close(self) -> None:
        pass

    def numbers(self, chain: str = "front") -> list[int]:
        return [seq for name, seq in self.got if name == chain]


def filled(*counts: int) -> MemorySource:
    source = MemorySource()
    for door, count in zip(("front", "back", "side"), counts, strict=False):
        for _ in range(count):
            source.append(door_event(door=door))
    return source


def outbox(source: MemorySource, receiver: Receiver, clock: SimulatedClock | None = None) -> Outbox:
    return Outbox(source, receiver, clock or SimulatedClock(), threading.Event(), chance=lambda: 0.5)


@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    script=st.lists(st.sampled_from([True, False, None]), max_size=12),
    batch=st.integers(1, 5),
)
def test_nothing_is_lost_and_order_is_kept_through_refusals_and_deaths(
    counts: list[int], script: list[bool | None], batch: int
) -> None:
    source, receiver, clock = filled(*counts), Receiver(script, batch=batch), SimulatedClock()
    runs = outbox(source, receiver, clock)
    for _ in range(100):
        try:
            runs.turn()
        except KeyboardInterrupt:
            runs = outbox(source, receiver, clock)
        clock.sleep(LONGEST_RETRY_S)
    for door, count in zip(("front", "back", "side"), counts, strict=False):
        first_time: list[int] = []
        for number in receiver.numbers(door):
            # A double goes back at most to the begin of the batch that was not acknowledged.
            assert number <= len(first_time) + 1, "an event was passed over"
            assert number > len(first_time) - batch, "an acknowledged event was sent again"
            if number == len(first_time) + 1:
                first_time.append(number)
        assert first_time == list(range(1, count + 1))
    deaths = sum(step is None for step in script)
    assert len(receiver.got) <= sum(counts) + deaths * batch


def test_a_chain_that_is_refused_does_not_hold_up_another() -> None:
    source, receiver = filled(4, 4), Receiver(refuses={"front"})
    outbox(source, receiver).turn()
    assert receiver.numbers("back") == [1, 2, 3, 4]
    assert receiver.numbers("front") == []


def test_a_receiver_that_cannot_be_reached_is_asked_ever_more_rarely() -> None:
    source, receiver, clock = filled(1), Receiver(refuses={"front"}), SimulatedClock()
    runs = outbox(source, receiver, clock)
    for _ in range(3600):
        runs.turn()
        clock.sleep(1.0)
    # 0.75 x (1 + 2 + ... + 256), then every 225 s: about 9 + (3600 - 384) / 225.
    assert 20 < receiver.attempts < 28
    receiver.refuses.clear()
    clock.sleep(LONGEST_RETRY_S)
    runs.turn()
    assert receiver.numbers() == [1]


@given(failures=st.integers(0, 2000), chance=st.floats(0, 1, exclude_max=True))
def test_a_retry_is_due_within_the_limits(failures: int, chance: float) -> None:
    due = Retry(failures).after_failure(100.0, chance).due_s - 100.0
    assert 0.5 * min(2.0 ** min(failures, 20), LONGEST_RETRY_S) <= due + 1e-9
    assert due <= min(2.0 ** min(failures, 20), LONGEST_RETRY_S)


def test_a_page_at_a_time_is_held_in_memory() -> None:
    source, receiver = filled(3 * PAGE + 1), Receiver(batch=PAGE)
    runs = outbox(source, receiver)
    assert [runs.turn() for _ in range(4)] == [True, True, True, False]
    assert receiver.batches == [PAGE, PAGE, PAGE, 1]


def test_nothing_is_delivered_while_the_receiver_cannot_be_refreshed() -> None:
    source, receiver, clock = filled(2), Receiver(refuses={"refresh"}), SimulatedClock()
    runs = outbox(source, receiver, clock)
    runs.turn()
    assert receiver.got == []
    receiver.refuses.clear()
    clock.sleep(LONGEST_RETRY_S)
    runs.turn()
    assert receiver.numbers() == [1, 2]


def test_a_new_receiver_without_history_hears_of_what_happens_from_its_first_start_on() -> None:
    source, receiver = filled(PAGE + 5), Receiver(history=False)
    outbox(source, receiver).turn()
    assert receiver.got == []
    source.append(door_event())
    source.append(door_event(door="back"))
    outbox(source, receiver).turn()
    assert receiver.got == [("front", PAGE + 6), ("back", 1)]


def test_a_receiver_that_started_before_anything_happened_misses_nothing_while_it_is_away() -> None:
    source, receiver = MemorySource(), Receiver(history=False)
    outbox(source, receiver).turn()
    source.append(door_event())
    outbox(source, receiver).turn()
    assert receiver.numbers() == [1]


def duress() -> DoorEvent:
    return door_event(outcome="alarm", reason=AlarmReason.DURESS, silent=True, track=None)


def test_only_the_receiver_of_alarms_hears_of_silent_events() -> None:
    source = filled(1)
    source.append(duress())
    others, alarms = Receiver(), Receiver(silent=True, name="alarms")
    outbox(source, others).turn()
    outbox(source, alarms).turn()
    assert others.got == [("front", 1)]
    assert alarms.got == [("front", 1), ("front/silent", 1)]


def test_a_receiver_that_becomes_the_one_for_alarms_does_not_hear_of_old_ones() -> None:
    source, receiver = filled(1), Receiver()
    source.append(duress())
    outbox(source, receiver).turn()
    receiver.silent = True
    source.append(duress())
    outbox(source, receiver).turn()
    assert receiver.numbers("front/silent") == [2]


def test_a_silent_event_that_stands_in_an_ordinary_chain_is_passed_over() -> None:
    class Mixed(MemorySource):
        def append(self, event: DoorEvent) -> DoorEvent:
            stored = super().append(door_event())
            self._chains["front"][-1] = DoorEvent.from_record(event.to_record() | {"seq": stored.seq})
            return self._chains["front"][-1]

    source, receiver = Mixed(), Receiver()
    for event in (door_event(), duress(), door_event()):
        source.append(event)
    outbox(source, receiver).turn()
    assert receiver.numbers() == [1, 3]
    assert source.acknowledged("peer")["front"] == 3


def test_events_that_were_deleted_before_they_were_sent_do_not_stop_the_rest() -> None:
    class Pruned(MemorySource):
        def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
            found = super().chain_events(chain, after_seq, limit)
            return [event for event in found if event.seq not in {2, 3}]

    source, receiver = Pruned(), Receiver(batch=1)
    for _ in range(5):
        source.append(door_event())
    with structlog.testing.capture_logs() as logs:
        outbox(source, receiver).turn()
    assert receiver.numbers() == [1, 4, 5]
    assert [(each["chain"], each["events"]) for each in logs] == [("front", 2)]


def test_an_outbox_that_is_stopped_ends_between_two_deliveries() -> None:
    class Stopping(Receiver):
        def deliver(self, chain: str, events: Sequence[DoorEvent]) -> None:
            super().deliver(chain, events)
            stop.set()

    source, receiver, stop = filled(10), Stopping(), threading.Event()
    runs = Outbox(source, receiver, SimulatedClock(), stop)
    assert runs.deliver_all() == Delivered("peer", 3, 7, "stopped before the end")
    assert receiver.numbers() == [1, 2, 3]


def test_delivering_everything_says_what_waits() -> None:
    source, receiver = filled(PAGE + 2, 3), Receiver(refuses={"back"})
    assert outbox(source, receiver).deliver_all() == Delivered("peer", PAGE + 2, 3, "away")
    receiver.refuses.clear()
    assert outbox(source, receiver).deliver_all() == Delivered("peer", 3, 0, None)
    receiver.refuses.add("refresh")
    source.append(door_event())
    assert outbox(source, receiver).deliver_all() == Delivered("peer", 0, 1, "away")


def test_an_event_without_a_number_is_refused() -> None:
    class Unnumbered(MemorySource):
        def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
            return [door_event()]

    source = Unnumbered()
    source.append(door_event())
    with pytest.raises(ValueError, match="number"):
        outbox(source, Receiver()).turn()
